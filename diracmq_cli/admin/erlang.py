"""Erlang terms as RabbitMQ's files hold them."""

from __future__ import annotations


def erlang_string(text: str) -> str:
    """A string, in ASCII whatever is in it: each reader has an encoding of its own."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    return character if " " <= character <= "~" else f"\\x{{{ord(character):X}}}"

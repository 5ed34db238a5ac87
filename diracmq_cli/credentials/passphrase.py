"""Passphrases of encrypted keys: asked for at most once in a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from diracmq_cli.core.identity import CredentialKind
from diracmq_cli.credentials.files import remedy
from diracmq_cli.errors import CredentialError

Passphrase: TypeAlias = Callable[[str], str]
"""Shows a prompt on a terminal and returns what was typed, as ``getpass.getpass`` does."""


class AskOnce:
    """Remember what was typed at each prompt, so that reading the credential and each TLS context share one answer.

    Args:
        ask: called with a prompt that no earlier call had.
    """

    def __init__(self, ask: Passphrase) -> None:
        self._ask = ask
        self._answers: dict[str, str] = {}

    def __call__(self, prompt: str) -> str:
        """The answer to ``prompt``, now or earlier."""
        if prompt not in self._answers:
            self._answers[prompt] = self._ask(prompt)
        return self._answers[prompt]


def obtain(key_file: str, dn: str, passphrase: Passphrase | None) -> str:
    """The passphrase of a key file, whose owner is ``dn``; the prompt is the same wherever this is called from.

    Raises:
        CredentialError: there is nobody to ask.
    """
    if passphrase is None:
        raise CredentialError(
            f"key {key_file} of {dn} is encrypted, and there is no terminal to ask for its passphrase",
            hint=remedy(CredentialKind.PROXY),
        )
    return passphrase(f"Passphrase of {key_file}: ")

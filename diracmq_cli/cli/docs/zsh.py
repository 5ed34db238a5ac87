"""Completions for zsh: one file, autoloaded for every program of the suite."""

from __future__ import annotations

from collections.abc import Sequence

from diracmq_cli.cli.docs.tree import Argument, Command, Option
from diracmq_cli.cli.docs.values import KINDS, Value, argument_of, is_joined, is_many, value_of
from diracmq_cli.config.names import FILE


def completion(programs: Sequence[Command]) -> str:
    """The file ``_dirac-mq`` that completes all ``programs``."""
    cases = "\n".join(f"    {program.name}) {_function(program)} ;;" for program in programs)
    functions = "\n".join(_define(command) for program in programs for command in program.walk())
    return f"""\
#compdef {" ".join(program.name for program in programs)}
# zsh completion for the dirac-mq suite; generated from the commands themselves, see `make docs`.
{_NAMES}
{functions}
case "$service" in
{cases}
esac
"""


_NAMES = f"""\
# Offers names of the CS that earlier commands have kept, of the kinds in the last argument; those before it are
# compadd's. Where the word has a colon or a slash, they are addresses. compadd quotes what it inserts.
_dirac_mq_names() {{
    local file=${{XDG_CACHE_HOME-}} kinds=$argv[-1]
    local -a names
    [[ $file == /* ]] || file=${{HOME-}}/.cache
    file+=/dirac-mq/{FILE}
    [[ -f $file && -O $file && -r $file ]] || return 1
    [[ $PREFIX == *[:/]* ]] && kinds=${{(U)kinds}}
    names=(${{${{(M)${{(f)"$(<$file)"}}:#[$kinds] *}}#* }})
    compadd "${{(@)argv[1,-2]}}" -a names
}}"""


def _function(command: Command) -> str:
    return "_" + "_".join(part.replace("-", "_") for part in command.path)


def _define(command: Command) -> str:
    specs = [spec for option in command.options for spec in _option(option)]
    if command.commands:
        names = " ".join(_quote(f"{sub.name}:{sub.summary}") for sub in command.commands)
        calls = "\n".join(f"            {sub.name}) {_function(sub)} ;;" for sub in command.commands)
        return f"""\
{_function(command)}() {{
    local context state line
    typeset -A opt_args
    _arguments -C {" ".join(specs)} '1: :->command' '*:: :->rest'
    case $state in
        command) local -a names=({names}); _describe command names ;;
        rest) case $line[1] in
{calls}
        esac ;;
    esac
}}"""
    specs += [_argument(argument) for argument in command.arguments]
    return f"{_function(command)}() {{\n    _arguments -s -S {' '.join(specs)}\n}}"


def _option(option: Option) -> list[str]:
    others = "" if option.repeatable else f"({' '.join(option.flags)})"
    star = "*" if option.repeatable else ""
    about = f"[{_escape(option.help)}]"
    value = "" if option.metavar is None else f":{_escape(option.metavar)}:{_action(option)}"
    join = "=-" if is_joined(option) else ""
    return [_quote(f"{others}{star}{flag}{join}{about}{value}") for flag in option.flags]


def _action(option: Option) -> str:
    match value_of(option):
        case Value.CHOICE:
            return f"({' '.join(option.choices)})"
        case Value.FILE:
            return "_files"
        case Value.DIRECTORY:
            return "_files -/"
        case Value.SERVICE:
            return f"_dirac_mq_names {KINDS[Value.SERVICE]}"
        case _:
            return " "


def _argument(argument: Argument) -> str:
    value = argument_of(argument)
    if value is Value.COMMAND:
        return _quote(f"*:::{_escape(argument.help)}:_normal")
    # "()" offers nothing; " " would show a message, and that keeps zsh from completing a flag in this place.
    action = "_files" if value is Value.FILE else f"_dirac_mq_names {KINDS[value]}" if value in KINDS else "()"
    return _quote(f"{'*' if is_many(argument) else ''}:{_escape(argument.help)}:{action}")


def _escape(text: str) -> str:
    for special in "\\:[]":
        text = text.replace(special, "\\" + special)
    return text


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

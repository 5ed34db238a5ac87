"""Completions for bash (bash-completion 2): one file per program, loaded by its name."""

from __future__ import annotations

from collections.abc import Sequence

from diracmq_cli.cli.docs.tree import Command, Option
from diracmq_cli.cli.docs.values import Value, value_of


def completion(program: Command) -> str:
    """The file that completes ``program``.

    What is typed is only ever compared with words of this file; nothing of it, or of the CS, is evaluated.
    """
    function = "_" + program.name.replace("-", "_")
    body = "\n".join(_case(command) for command in program.walk())
    return f"""\
# bash completion for {program.name}; generated from the command itself, see `make docs`.
{function}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path={program.name} word
    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        if [[ $word == -- ]]; then
            compopt -o bashdefault -o default
            return
        fi
        case "$path $word" in
{_paths(program)}
        esac
    done
    case "$path" in
{body}
    esac
}}
complete -F {function} {program.name}
"""


def _paths(program: Command) -> str:
    known = [command for command in program.walk() if len(command.path) > 1]
    if not known:
        return "            *) ;;"
    return "\n".join(f'            "{" ".join(c.path)}") path="{" ".join(c.path)}" ;;' for c in known)


def _case(command: Command) -> str:
    words = [sub.name for sub in command.commands]
    flags = [flag for option in command.options for flag in option.flags]
    files = any("FILE" in argument.metavar for argument in command.arguments)
    lines = [
        f'        "{" ".join(command.path)}")',
        '            case "$prev" in',
        *(line for option in command.options if (line := _value(option))),
        "            esac",
        "            if [[ $cur == -* ]]; then",
        f"                {_words(flags)}",
        "            else",
        f"                {_FILES if files else _words(words)}",
        "            fi",
        "            ;;",
    ]
    return "\n".join(lines)


def _value(option: Option) -> str | None:
    if option.metavar is None:
        return None
    match value_of(option):
        case Value.CHOICE:
            action = _words(option.choices)
        case Value.FILE:
            action = _FILES
        case Value.DIRECTORY:
            action = _DIRECTORIES
        case Value.TEXT:
            action = ":"
    return f"                {'|'.join(option.flags)}) {action}; return ;;"


_FILES = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'
_DIRECTORIES = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")'


def _words(words: Sequence[str]) -> str:
    return f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(words)}' -- \"$cur\")" if words else ":"

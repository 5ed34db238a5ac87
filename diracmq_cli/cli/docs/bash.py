"""Completions for bash (bash-completion 2): one file per program, loaded by its name."""

from __future__ import annotations

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
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
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
    values = [line for option in command.options if (line := _value(option))]
    files = any(argument.metavar.startswith("[FILE") for argument in command.arguments)
    fallback = (
        'COMPREPLY=($(compgen -f -- "$cur"))' if files else f"COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$cur\"))"
    )
    lines = [
        f'        "{" ".join(command.path)}")',
        '            case "$prev" in',
        *values,
        "            esac",
        "            if [[ $cur == -* ]]; then",
        f"                COMPREPLY=($(compgen -W '{' '.join(flags)}' -- \"$cur\"))",
        "            else",
        f"                {fallback}",
        "            fi",
        "            ;;",
    ]
    return "\n".join(lines)


def _value(option: Option) -> str | None:
    if option.metavar is None:
        return None
    match value_of(option):
        case Value.CHOICE:
            action = f"COMPREPLY=($(compgen -W '{' '.join(option.choices)}' -- \"$cur\"))"
        case Value.FILE:
            action = 'COMPREPLY=($(compgen -f -- "$cur"))'
        case Value.DIRECTORY:
            action = 'COMPREPLY=($(compgen -d -- "$cur"))'
        case Value.TEXT:
            action = ":"
    return f"                {'|'.join(option.flags)}) {action}; return ;;"

"""Completions for bash (bash-completion 2): one file per program, loaded by its name."""

from __future__ import annotations

from collections.abc import Sequence

from diracmq_cli.cli.docs.tree import Argument, Command, Option
from diracmq_cli.cli.docs.values import KINDS, Value, argument_of, flags_before_values, is_joined, is_many, value_of
from diracmq_cli.config.names import FILE, SAFE


def completion(program: Command) -> str:
    """The file that completes ``program``.

    What is typed is only ever compared with words of this file, or of the file of names; nothing of it, or of the CS,
    is evaluated.
    """
    function = "_" + program.name.replace("-", "_")
    body = "\n".join(_case(command) for command in program.walk())
    return f"""\
# bash completion for {program.name}; generated from the command itself, see `make docs`.
{_NAMES}
{function}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path={program.name}
    local word skip= joined= nth=0
    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur= joined=yes
    elif [[ $prev == = ]]; then
        joined=yes prev=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        if [[ $word == -- ]]; then
            compopt -o bashdefault -o default
            return
        elif [[ $word == [:=@]* ]]; then
            skip=${{skip:-rest}}
            continue
        elif [[ $skip ]]; then
            skip=
            continue
        fi
        case "$path $word" in
{_words_before(program)}
        esac
    done
    if [[ $skip == rest || $cur == [:@]* ]]; then
        nth=$((nth - 1))
    fi
    case "$path" in
{body}
    esac
}}
complete -F {function} {program.name}
"""


_NAMES = f"""\
# Offers names of the CS that earlier commands have kept, of the kinds in $1, and of harmless characters only. Where the
# word has a colon or a slash, they are addresses; bash takes what follows its last colon for a word of its own.
_dirac_mq_names() {{
    local file=${{XDG_CACHE_HOME-}} kinds=$1 line word=${{COMP_LINE-}}
    local -a lines
    [[ $file == /* ]] || file=${{HOME-}}/.cache
    file+=/dirac-mq/{FILE}
    [[ -f $file && -O $file && -r $file ]] || return 0
    word=${{word:0:COMP_POINT}}
    word=${{word##*[[:space:]]}}
    [[ $word == --*=* ]] && word=${{word#*=}}
    [[ $word == *[:/]* ]] && kinds=${{kinds^^}}
    mapfile -t lines <"$file"
    for line in "${{lines[@]}}"; do
        if [[ $line == [$kinds]" $word"* && ${{line:2}} != *[!{SAFE}]* ]]; then
            COMPREPLY+=("${{line:2}}")
        fi
    done
    if [[ $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${{COMPREPLY[@]#"${{word%"${{word##*[:=@]}}"}}"}}")
    fi
}}"""


def _words_before(program: Command) -> str:
    """What the words before the one to be completed are: a subcommand, an option with a value, an argument."""
    lines = [f'"{" ".join(c.path)}") path="{" ".join(c.path)}" ;;' for c in program.walk() if len(c.path) > 1]
    for command in program.walk():
        flags = flags_before_values(command.options)
        if flags:
            lines.append("|".join(f'"{" ".join(command.path)} {flag}"' for flag in flags) + ") skip=value ;;")
    lines += ['*" "-*) ;;', "*) nth=$((nth + 1)) ;;"]
    return "\n".join(f"            {line}" for line in lines)


def _case(command: Command) -> str:
    flags = [flag for option in command.options for flag in option.flags]
    lines = [
        f'        "{" ".join(command.path)}")',
        '            case "$prev" in',
        *(line for option in command.options if (line := _value(option))),
        "            esac",
        "            if [[ $cur == -* ]]; then",
        f"                {_words(flags)}",
        *_arguments(command),
        "            fi",
        "            ;;",
    ]
    return "\n".join(lines)


def _arguments(command: Command) -> list[str]:
    """What is offered where an argument is typed, or the name of a subcommand."""
    if command.commands:
        return ["            else", f"                {_words([sub.name for sub in command.commands])}"]
    offered = [(place, argument, _argument(argument)) for place, argument in enumerate(command.arguments)]
    cases = [
        f"                    {'*' if is_many(argument) else place}) {action} ;;"
        for place, argument, action in offered
        if action is not None
    ]
    if not cases:
        return []
    return ["            else", "                case $nth in", *cases, "                esac"]


def _argument(argument: Argument) -> str | None:
    value = argument_of(argument)
    return _FILES if value is Value.FILE else f"_dirac_mq_names {KINDS[value]}" if value in KINDS else None


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
        case Value.SERVICE:
            action = f"_dirac_mq_names {KINDS[Value.SERVICE]}"
        case _:
            action = ":"
    only = "[[ $joined ]] && " if is_joined(option) else ""
    return f"                {'|'.join(option.flags)}) {only}{{ {action}; return; }} ;;"


_FILES = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'
_DIRECTORIES = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")'


def _words(words: Sequence[str]) -> str:
    return f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(words)}' -- \"$cur\")" if words else ":"

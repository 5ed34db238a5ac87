"""Completions for fish: one file per program, loaded by its name."""

from __future__ import annotations

from collections.abc import Iterator

from diracmq_cli.cli.docs.tree import Argument, Command, Option
from diracmq_cli.cli.docs.values import KINDS, Value, argument_of, flags_before_values, is_joined, is_many, value_of
from diracmq_cli.config.names import FILE


def completion(program: Command) -> str:
    """The file that completes ``program``."""
    lines = [f"# fish completion for {program.name}; generated from the command itself, see `make docs`.", _FUNCTIONS]
    for command in program.walk():
        condition = _condition(command)
        if not any(argument_of(argument) in (Value.FILE, Value.COMMAND) for argument in command.arguments):
            lines.append(f"complete -c {program.name}{_when(condition)} -f")
        lines += [_subcommand(program.name, sub, condition) for sub in command.commands]
        lines += [line for place in range(len(command.arguments)) for line in _names(program.name, command, place)]
        lines += [_option(program.name, option, condition) for option in command.options]
    return "\n".join(lines) + "\n"


_FUNCTIONS = f"""\
# Names of the CS that earlier commands have kept, of the kinds in the first argument. Where the word has a colon or a
# slash, they are addresses. fish quotes what it inserts.
function __dirac_mq_names
    set -l file $HOME/.cache
    string match -q '/*' -- "$XDG_CACHE_HOME"; and set file $XDG_CACHE_HOME
    set file $file/dirac-mq/{FILE}
    test -f "$file" -a -O "$file" -a -r "$file"; or return
    set -l kinds $argv[1]
    string match -qr '[:/]' -- (commandline -ct); and set kinds (string upper $kinds)
    string replace -rf "^[$kinds] " '' <$file
end
# Whether as many arguments as the first one says stand before the word, options and their values not counted; the other
# arguments are options that have values.
function __dirac_mq_place
    set -l place 0
    set -l skip
    for word in (commandline -opc)
        if test -n "$skip"
            set skip
        else if contains -- $word $argv[2..]
            set skip yes
        else if not string match -q -- '-*' $word
            set place (math $place + 1)
        end
    end
    test $place -eq $argv[1]
end"""  # noqa: S608 - fish's words, not SQL's


def _condition(command: Command) -> str:
    """When this command is the one being typed: all words of its path were seen and none of its subcommands."""
    seen = [f"__fish_seen_subcommand_from {word}" for word in command.path[1:]]
    if command.commands:
        names = " ".join(sub.name for sub in command.commands)
        seen.append(f"not __fish_seen_subcommand_from {names}")
    return "; and ".join(seen)


def _when(condition: str) -> str:
    return f" -n {_quote(condition)}" if condition else ""


def _subcommand(program: str, command: Command, condition: str) -> str:
    return f"complete -c {program}{_when(condition)} -a {command.name} -d {_quote(command.summary)}"


def _names(program: str, command: Command, place: int) -> Iterator[str]:
    """Names of the CS for an argument that is one, in its place; no files there, though there may be some later."""
    argument: Argument = command.arguments[place]
    value = argument_of(argument)
    if value not in KINDS:
        return
    conditions = [_condition(command)]
    if not is_many(argument):
        flags = " ".join(flags_before_values(command.options))
        conditions.append(f"__dirac_mq_place {len(command.path) + place} {flags}")
    when = _when("; and ".join(filter(None, conditions)))
    yield f"complete -c {program}{when} -f -a '(__dirac_mq_names {KINDS[value]})'"


def _option(program: str, option: Option, condition: str) -> str:
    parts = [f"complete -c {program}{_when(condition)}"]
    for flag in option.flags:
        parts.append(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}")
    if option.metavar is not None and not is_joined(option):
        match value_of(option):
            case Value.CHOICE:
                parts.append(f"-x -a {_quote(' '.join(option.choices))}")
            case Value.FILE:
                parts.append("-r -F")
            case Value.DIRECTORY:
                parts.append("-x -a '(__fish_complete_directories)'")
            case Value.SERVICE:
                parts.append(f"-x -a '(__dirac_mq_names {KINDS[Value.SERVICE]})'")
            case _:
                parts.append("-x")
    parts.append(f"-d {_quote(option.help)}")
    return " ".join(parts)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""Completions for fish: one file per program, loaded by its name."""

from __future__ import annotations

from diracmq_cli.cli.docs.tree import Command, Option
from diracmq_cli.cli.docs.values import Value, value_of


def completion(program: Command) -> str:
    """The file that completes ``program``."""
    lines = [f"# fish completion for {program.name}; generated from the command itself, see `make docs`."]
    for command in program.walk():
        condition = _condition(command)
        if not any("FILE" in argument.metavar for argument in command.arguments):
            lines.append(f"complete -c {program.name}{condition} -f")
        lines += [_subcommand(program.name, sub, condition) for sub in command.commands]
        lines += [_option(program.name, option, condition) for option in command.options]
    return "\n".join(lines) + "\n"


def _condition(command: Command) -> str:
    """When this command is the one being typed: all words of its path were seen and none of its subcommands."""
    seen = [f"__fish_seen_subcommand_from {word}" for word in command.path[1:]]
    if command.commands:
        names = " ".join(sub.name for sub in command.commands)
        seen.append(f"not __fish_seen_subcommand_from {names}")
    return f" -n {_quote('; and '.join(seen))}" if seen else ""


def _subcommand(program: str, command: Command, condition: str) -> str:
    return f"complete -c {program}{condition} -a {command.name} -d {_quote(command.summary)}"


def _option(program: str, option: Option, condition: str) -> str:
    parts = [f"complete -c {program}{condition}"]
    for flag in option.flags:
        parts.append(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}")
    if option.metavar is not None:
        match value_of(option):
            case Value.CHOICE:
                parts.append(f"-x -a {_quote(' '.join(option.choices))}")
            case Value.FILE:
                parts.append("-r -F")
            case Value.DIRECTORY:
                parts.append("-x -a '(__fish_complete_directories)'")
            case Value.TEXT:
                parts.append("-x")
    parts.append(f"-d {_quote(option.help)}")
    return " ".join(parts)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""The text of a command's help: what it does in one line, examples, then the rest."""

from __future__ import annotations

import inspect

VERBATIM = "\b"
"""A line of its own before a paragraph that the help must not wrap (click's convention)."""

EXAMPLES = "Examples:"


def help_text(docstring: str, examples: str) -> str:
    """The help of a command: the first paragraph of its docstring, its examples as they stand, the other paragraphs."""
    summary, _, rest = inspect.cleandoc(docstring).partition("\n\n")
    shown = "\n".join(f"  {line}" for line in examples.splitlines())
    return "\n\n".join(part for part in (summary, f"{VERBATIM}\n{EXAMPLES}\n{shown}", rest) if part)


def short_help(docstring: str) -> str:
    """The first sentence, for the list of commands; whole, for a sentence that is cut tells nothing."""
    return " ".join(inspect.cleandoc(docstring).partition("\n\n")[0].split()).removesuffix(".")

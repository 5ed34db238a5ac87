"""The configuration: one tree merged from all sources, and which of them may hold a password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.config.tree import Option, Section

_TRUE = frozenset({"y", "yes", "true", "1"})


@dataclass(frozen=True, slots=True)
class Configuration:
    """What all sources say together.

    ``files`` are the files that were read, highest precedence first (and last the server, if there is one);
    ``exposed`` says of some of them why a password there would be no secret; ``root`` is DIRAC's installation root;
    ``warnings`` are sentences for the user about what was passed over.
    """

    tree: Section
    files: tuple[str, ...] = ()
    root: str | None = None
    exposed: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def get(self, path: str) -> Option | None:
        """The option at ``path``, or None when it is absent."""
        return self.tree.option(path)

    def text(self, path: str) -> str | None:
        """What the option at ``path`` says; None when it is absent or empty."""
        option = self.get(path)
        return option.value if option is not None and option.value else None

    def flag(self, path: str) -> bool:
        """DIRAC's reading of a boolean: y, yes, true and 1 in any case are true, all else is false."""
        return (self.text(path) or "").lower() in _TRUE

    def sections(self, path: str) -> Mapping[str, Section]:
        """The sections below ``path`` in their order; none when it is absent."""
        section = self.tree.at(path)
        return {} if section is None else section.sections

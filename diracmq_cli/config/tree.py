"""Sections and options of a CFG, each knowing the file it came from, and how two trees are laid over each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Option:
    """One option's text as the CFG holds it; ``line`` (from 1) is None where there are no lines, as on a command."""

    value: str
    file: str
    line: int | None = None

    @property
    def place(self) -> str:
        """The file, with the line where there is one."""
        return self.file if self.line is None else f"{self.file} line {self.line}"


@dataclass(frozen=True, slots=True)
class Section:
    """One section; ``file`` is the one of highest precedence that names it, ``path`` begins with ``/`` (root: empty).

    Both mappings keep the order of the file.
    """

    path: str
    file: str
    options: Mapping[str, Option] = field(default_factory=dict)
    sections: Mapping[str, Section] = field(default_factory=dict)

    def at(self, path: str) -> Section | None:
        """The section at ``path`` below this one, by its exact name, or None."""
        section: Section | None = self
        for name in _names(path):
            section = section.sections.get(name) if section is not None else None
        return section

    def option(self, path: str) -> Option | None:
        """The option at ``path`` below this section, or None."""
        *parents, name = _names(path)
        section = self.at("/".join(parents))
        return None if section is None else section.options.get(name)


def merge(higher: Section, lower: Section) -> Section:
    """Lay ``higher`` over ``lower``: sections are merged, and an option that both hold is the higher one's.

    Where one holds an option and the other a section of that name the higher one's kind is kept (DIRAC gives up
    there). The order is DIRAC's: the lower tree's names first (diraccfg, ``CFG.mergeWith``).
    """
    options = {name: option for name, option in lower.options.items() if name not in higher.sections}
    sections = {name: section for name, section in lower.sections.items() if name not in higher.options}
    for name, section in higher.sections.items():
        sections[name] = merge(section, sections[name]) if name in sections else section
    return Section(higher.path, higher.file, options | dict(higher.options), sections)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]

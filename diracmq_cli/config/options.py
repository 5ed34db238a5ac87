"""Typed reading of an entry's options; each refusal names section, option and file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from diracmq_cli.core.model import Source
from diracmq_cli.errors import ConfigError, DataError

if TYPE_CHECKING:
    from diracmq_cli.config.tree import Option, Section

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an entry: looked for in its own section first, then in those that it inherits from.

    An option may have several spellings; an empty value counts as absent, as in ``HostCertificate =``.
    """

    own: Section
    inherited: tuple[Section, ...] = ()

    @property
    def source(self) -> Source:
        """Where the entry stands."""
        return Source(self.own.path, self.own.file)

    def find(self, *spellings: str) -> tuple[str, Option] | None:
        """The nearest of these options, with its full path."""
        for section in (self.own, *self.inherited):
            for name in spellings:
                option = section.options.get(name)
                if option is not None and option.value:
                    return f"{section.path}/{name}", option
        return None

    def read(self, parse: Callable[[str], T], *spellings: str) -> T | None:
        """What ``parse`` makes of the option, or None when it is absent.

        Raises:
            ConfigError: ``parse`` raised ValueError or DataError.
        """
        found = self.find(*spellings)
        if found is None:
            return None
        try:
            return parse(found[1].value)
        except (ValueError, DataError) as error:
            raise self.refusal(str(error), *spellings) from error

    def text(self, *spellings: str) -> str | None:
        """The option as it stands, or None."""
        return self.read(str, *spellings)

    def refusal(self, problem: str, *spellings: str, hint: str | None = None) -> ConfigError:
        """The error that says what is wrong with an option, or with its absence."""
        found = self.find(*spellings)
        if found is None:
            return ConfigError(f"{self.own.path} in {self.own.file}: {problem}", hint=hint)
        path, option = found
        return ConfigError(f"{path} in {option.place}: {problem}", hint=hint)

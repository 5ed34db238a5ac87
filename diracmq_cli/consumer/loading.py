"""Find a consumer's module: by entry point, by ``package.module:Class``, or where DIRAC has it."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from diracmq_cli.consumer.module import ConsumerModule
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.core.consumerspec import ConsumerSpec

GROUP = "diracmq.consumers"


def load(spec: ConsumerSpec) -> type[ConsumerModule]:
    """The class of the consumer's module.

    Raises:
        ConfigError: there is none, or it cannot be imported, or is no ConsumerModule.
    """
    place = f"Module of {spec.source}"
    try:
        found = _of_dirac(spec.name) if spec.module is None else _named(spec.module, place)
    except ConfigError:
        raise
    except Exception as error:
        name = spec.module or spec.name
        raise ConfigError(f"{place}: cannot import {name}: {type(error).__name__}: {error}") from error
    if not isinstance(found, type) or not issubclass(found, ConsumerModule):
        raise ConfigError(f"{place}: {spec.module or spec.name} is no ConsumerModule")
    return found


def _named(name: str, place: str) -> object:
    module, colon, attribute = name.partition(":")
    if colon:
        return getattr(import_module(module), attribute)
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise ConfigError(
            f"{place}: no consumer module {name!r} is installed; there is {', '.join(sorted(known)) or 'none'}",
            hint=f"write package.module:Class, or install what has the entry point {name} in the group {GROUP}",
        )
    return known[name].load()


def _of_dirac(name: str) -> object:
    """``<extension>.<System>System.Consumer.<Name>``, as DIRAC names its agents' modules."""
    system, consumer = name.split("/")
    path = f"{system}System.Consumer.{consumer}"
    try:
        from DIRAC.Core.Utilities.Extensions import extensionsByPriority  # type: ignore[import-not-found]
    except ImportError:
        raise ConfigError(
            f"no Module for {name}, and DIRAC, which might have {path}, is not installed here",
            hint="set Module in the consumer's section: an entry point's name, or package.module:Class",
        ) from None
    for extension in extensionsByPriority():
        try:
            return getattr(import_module(f"{extension}.{path}"), consumer)
        except ModuleNotFoundError as error:
            if not f"{extension}.{path}".startswith(error.name or " "):
                raise
    raise ConfigError(f"no Module for {name}, and no extension of DIRAC has {path}")

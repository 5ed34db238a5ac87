"""Options of the modules that ship: sizes, durations, a directory, each refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from diracmq_cli.core.quantity import parse_duration, parse_size
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.consumer.module import ConsumerModule

T = TypeVar("T", int, float)


def size(module: ConsumerModule, name: str, default: str) -> int:
    """Octets, such as ``64k`` or ``10M``.

    Raises:
        ConfigError: it is no size, or nothing.
    """
    return _positive(module, name, default, parse_size)


def duration(module: ConsumerModule, name: str, default: str) -> float:
    """Seconds, such as ``30s`` or ``2h``.

    Raises:
        ConfigError: it is no duration, or none.
    """
    return _positive(module, name, default, parse_duration)


def number(module: ConsumerModule, name: str, default: int) -> int:
    """A whole number from 1.

    Raises:
        ConfigError: it is none.
    """
    value = module.option(name, default)
    if value < 1:
        raise ConfigError(f"{name} of {module.name} must be at least 1, not {value}")
    return value


def directory(module: ConsumerModule) -> Path:
    """The option ``Directory``, which has no default.

    Raises:
        ConfigError: it is not there, or is relative: a component is started from anywhere.
    """
    text = module.option("Directory", "")
    path = Path(text)
    if not text or not path.is_absolute():
        given = f"is {text}, not an absolute path" if text else "is not given"
        raise ConfigError(
            f"the option Directory of {module.name} {given}",
            hint=f"give it in the consumer's section, or with -o Directory=/var/lib/dirac/{module.name.split('/')[-1]}",
        )
    return path


def _positive(module: ConsumerModule, name: str, default: str, parse: Callable[[str], T]) -> T:
    text = module.option(name, default)
    try:
        value = parse(text)
    except ValueError as error:
        raise ConfigError(f"{name} of {module.name}: {error}") from None
    if value <= 0:
        raise ConfigError(f"{name} of {module.name} must be more than {text}")
    return value

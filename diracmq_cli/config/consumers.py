"""Read a consumer of the CS: ``/Systems/<System>[/<Instance>]/Consumers/<Name>``, where DIRAC has its agents.

Where both sections are there, the options of the instance's count first.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, cast

from diracmq_cli.config.lists import items, port
from diracmq_cli.config.options import Options
from diracmq_cli.config.parsers import boolean, duration, one_of, whole
from diracmq_cli.config.queues import allowed
from diracmq_cli.config.systems import instance_of
from diracmq_cli.core.consumerspec import MAX_TRIES, RETRY_DELAY, ConsumerSpec
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.errors import UnknownDestination, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.config.configuration import Configuration

T = TypeVar("T", bool, int, float, str, list[str])


class _Status(StrEnum):
    ACTIVE = "active"
    STOPPED = "stopped"


class _LogLevel(StrEnum):
    """DIRAC's levels (``FrameworkSystem/private/standardLogging/LogLevels.py``)."""

    DEBUG = "debug"
    VERBOSE = "verbose"
    INFO = "info"
    NOTICE = "notice"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"
    ALWAYS = "always"


def consumer_section(configuration: Configuration, name: str) -> str:
    """The path of the section that counts first for the consumer ``System/Name``.

    Raises:
        UsageError: that is no such name.
    """
    return _paths(configuration, name)[0]


def find_consumer(configuration: Configuration, name: str) -> Options | None:
    """The options of the consumer ``System/Name``; None when there are none.

    Raises:
        UsageError: that is no such name.
    """
    found = [configuration.tree.at(path) for path in _paths(configuration, name)]
    sections = [section for section in found if section is not None]
    return Options(sections[0], tuple(sections[1:])) if sections else None


def read_consumer(configuration: Configuration, name: str) -> tuple[ConsumerSpec, Options]:
    """The consumer ``System/Name``, and its section for the options that only its module knows.

    Raises:
        UsageError: that is no such name.
        UnknownDestination: the configuration does not have it.
        ConfigError: an option is wrong.
    """
    options = find_consumer(configuration, name)
    if options is None:
        paths = " or ".join(_paths(configuration, name))
        raise UnknownDestination(
            f"no consumer {name} in the configuration", hint=f"it would be the section {paths}, with Queues and Module"
        )
    queues = options.read(items, "Queues", "Queue")
    if not queues:
        raise options.refusal("no Queues: what should it take?", "Queues")
    spec = ConsumerSpec(
        name=name,
        source=options.source,
        module=options.text("Module"),
        queues=tuple(dict.fromkeys(queues)),
        stopped=options.read(one_of(_Status), "Status") is _Status.STOPPED,
        concurrency=options.read(whole(1, 100), "Concurrency") or 1,
        prefetch=options.read(whole(1, 65535), "Prefetch"),
        max_tries=options.read(whole(1), "MaxTries") or MAX_TRIES,
        retry_delay=options.read(duration, "RetryDelay") or RETRY_DELAY,
        max_messages=options.read(whole(1), "MaxMessages"),
        execute_timeout=options.read(duration, "ExecuteTimeout"),
        origin=options.read(one_of(OriginLevel), "Origin"),
        allowed=allowed(options),
        reject_to=options.text("RejectTo"),
        control_directory=options.text("ControlDirectory"),
        log_level=(options.read(one_of(_LogLevel), "LogLevel") or _LogLevel.INFO).upper(),
        metrics_port=options.read(port, "MetricsPort"),
        metrics_address=options.text("MetricsAddress") or "127.0.0.1",
        metrics_file=options.text("MetricsFile"),
        health_file=options.text("HealthFile"),
        monitoring_interval=options.read(duration, "MonitoringInterval") or 60.0,
    )
    return spec, options


def module_option(options: Options, name: str, default: T) -> T:
    """An option that a module asks for, as the type of ``default``; that, where the option is absent or empty.

    Raises:
        ConfigError: it is none; section, option and file are named.
    """
    parse = next(parse for kind, parse in _PARSERS.items() if isinstance(default, kind))
    value = options.read(parse, name)
    return default if value is None else cast("T", value)


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a number")
    return number


_PARSERS: dict[type, Callable[[str], object]] = {
    bool: boolean,  # before int, of which it is one
    int: _integer,
    float: _number,
    list: items,
    str: str,
}


def _paths(configuration: Configuration, name: str) -> list[str]:
    parts = name.split("/")
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"{name!r} is not System/Name", hint="dirac-consumer Framework/PilotLog")
    system, consumer = parts
    instance = instance_of(configuration, system)
    levels = [f"/Systems/{system}/{instance}", f"/Systems/{system}"] if instance else [f"/Systems/{system}"]
    return [f"{level}/Consumers/{consumer}" for level in levels]

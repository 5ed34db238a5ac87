"""Read a consumer of the CS: ``/Systems/<System>[/<Instance>]/Consumers/<Name>``, where DIRAC has its agents."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from diracmq_cli.config.lists import items, port
from diracmq_cli.config.options import Options
from diracmq_cli.config.parsers import boolean, duration, one_of, whole
from diracmq_cli.config.queues import allowed
from diracmq_cli.core.consumerspec import MAX_TRIES, RETRY_DELAY, ConsumerSpec
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.errors import ConfigError, UnknownDestination, UsageError

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


def find_consumer(configuration: Configuration, name: str) -> Options | None:
    """The section of the consumer ``System/Name``; None when there is none.

    Raises:
        UsageError: that is no such name.
    """
    parts = name.split("/")
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"{name!r} is not System/Name", hint="dirac-consumer Framework/PilotLog")
    for path in _paths(configuration, *parts):
        section = configuration.tree.at(path)
        if section is not None:
            return Options(section)
    return None


def read_consumer(configuration: Configuration, name: str) -> tuple[ConsumerSpec, Options]:
    """The consumer ``System/Name``, and its section for the options that only its module knows.

    Raises:
        UsageError: that is no such name.
        UnknownDestination: the configuration does not have it.
        ConfigError: an option is wrong.
    """
    options = find_consumer(configuration, name)
    if options is None:
        paths = " or ".join(_paths(configuration, *name.split("/")))
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
        queues=tuple(queues),
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
    parse: Callable[[str], bool | int | float | str | list[str]]
    if isinstance(default, bool):
        parse = boolean
    elif isinstance(default, int):
        parse = int
    elif isinstance(default, float):
        parse = float
    elif isinstance(default, list):
        parse = items
    else:
        parse = str
    found = options.find(name)
    if found is None:
        return default
    path, option = found
    try:
        value = parse(option.value)
    except ValueError as error:
        kind = type(default).__name__
        raise ConfigError(f"{path} in {option.place}: {option.value!r} is no {kind}") from error
    return value


def _paths(configuration: Configuration, system: str, name: str) -> list[str]:
    setup = None if configuration.flag("/DIRAC/NoSetup") else configuration.text("/DIRAC/Setup")
    instance = configuration.text(f"/DIRAC/Setups/{setup}/{system}") if setup else None
    with_instance = [f"/Systems/{system}/{instance}/Consumers/{name}"] if instance else []
    return [*with_instance, f"/Systems/{system}/Consumers/{name}"]

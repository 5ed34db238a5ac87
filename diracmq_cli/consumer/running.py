"""A consumer from what the command line says to its end."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.config import consumer_section, read_consumer
from diracmq_cli.consumer.control import Control, control_directory
from diracmq_cli.consumer.host import Host
from diracmq_cli.consumer.loading import load
from diracmq_cli.consumer.logs import NOTICE, set_level
from diracmq_cli.errors import MQError
from diracmq_cli.wiring.setup import Choices, Setup

if TYPE_CHECKING:
    from diracmq_cli.config import Configuration
    from diracmq_cli.consumer.runit import Service
    from diracmq_cli.wiring.signals import StopFlag

_log = logging.getLogger("dirac-consumer")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerChoices:
    """What the command line says: ``name`` is ``System/Name``, ``debug`` how many ``-d`` were given.

    An option that does not begin with a slash is one of the consumer's own section.
    """

    name: str
    cfg_files: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    debug: int = 0


def run_consumer(choices: ConsumerChoices, stop: StopFlag) -> None:
    """Run the consumer until it is told to end.

    Raises:
        UsageError: its name, or an option, is none.
        MQError: it cannot begin, or cannot go on.
    """
    given, configuration, setup = _configured(choices)
    spec, options = read_consumer(configuration, choices.name)
    set_level(spec.log_level, choices.debug)
    if spec.stopped:
        _log.log(NOTICE, "Status = Stopped in %s: nothing to do", spec.source)
        return
    control = Control(control_directory(spec, configuration.root, given.environment))
    Host(spec, options, load(spec), setup, stop, control).run()


def runit_service(choices: ConsumerChoices, programs: Path) -> Service:
    """The consumer as a service of runit.

    Its command names the control directory: whatever becomes of the CS, ``control/t`` and the consumer mean the same.

    Args:
        programs: the directory of ``dirac-consumer``.

    Raises:
        UsageError: its name, or an option, is none.
        MQError: the configuration does not have it, or an option is wrong.
    """
    from diracmq_cli.consumer.runit import Service

    given, configuration, _ = _configured(choices)
    spec, _ = read_consumer(configuration, choices.name)
    control = control_directory(spec, configuration.root, given.environment).absolute()
    options = [option for option in choices.options if option.partition("=")[0].strip() != "ControlDirectory"]
    command = [
        "dirac-consumer",
        choices.name,
        *(word for file in choices.cfg_files for word in ("--cfg", str(Path(file).absolute()))),
        *(word for option in (*options, f"ControlDirectory={control}") for word in ("-o", option)),
        *["-d"] * choices.debug,
    ]
    bashrc = Path(configuration.root or "/") / "bashrc"
    return Service(command=tuple(command), bashrc=bashrc, programs=programs, control=control)


def _configured(choices: ConsumerChoices) -> tuple[Choices, Configuration, Setup]:
    """With the options of the consumer's own section, whose place the configuration tells, as full paths."""
    own = [option for option in choices.options if not option.startswith("/")]
    given = Choices(
        cfg_files=choices.cfg_files, options=tuple(option for option in choices.options if option.startswith("/"))
    )
    setup = Setup(given, warn=partial(_log.warning, "%s"))
    configuration = _everything(setup)
    if own:
        section = consumer_section(configuration, choices.name)
        given = replace(given, options=(*given.options, *(f"{section}/{option}" for option in own)))
        setup = Setup(given, warn=lambda _text: None)  # it was told
        configuration = _everything(setup, quiet=True)
    return given, configuration, setup


def _everything(setup: Setup, *, quiet: bool = False) -> Configuration:
    """Local files over the CS; where that cannot be asked, the local files may do."""
    try:
        setup.cs.everything()
    except MQError as error:
        if not quiet:
            _log.warning("%s", error)
    return setup.configuration

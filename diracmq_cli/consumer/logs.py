"""A component's log on stderr, in lines as DIRAC writes them."""

from __future__ import annotations

import logging
import sys
import time

from diracmq_cli.output.escape import visible

VERBOSE, NOTICE = 15, 25
_LEVELS = {
    "DEBUG": logging.DEBUG,
    "VERBOSE": VERBOSE,
    "INFO": logging.INFO,
    "NOTICE": NOTICE,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "ALWAYS": 60,
}
"""DIRAC's levels in those of ``logging``."""

_WORDS = {number: word for word, number in _LEVELS.items()}
_OURS = "dirac-consumer"
_QUIET = 100


class _Line(logging.Formatter):
    """``2026-11-24 12:00:00 UTC Framework/PilotLog INFO: …``, harmless to a terminal."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(record.created))
        where = "" if record.name.startswith(_OURS) else f"{record.name}: "
        said = where + visible(record.getMessage())
        if record.exc_info is not None and record.exc_info[1] is not None:
            said += "".join(f"\n  {visible(line)}" for line in self.formatException(record.exc_info).splitlines())
        return f"{when} {self._name} {_WORDS.get(record.levelno, record.levelname)}: {said}"


def start_logging(name: str, debug: int) -> None:
    """Log to stderr: what the consumer says, and warnings of anybody else.

    Args:
        name: ``System/Name``.
        debug: how many ``-d`` were given; see ``set_level``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(name))
    logging.getLogger().addHandler(handler)
    set_level("INFO", debug)


def set_level(level: str, debug: int) -> None:
    """Say as much as the CS's ``LogLevel``, or as ``-d`` asks for: VERBOSE, with ``-dd`` DEBUG, with ``-ddd`` all.

    At VERBOSE the steps of a login are told, too.
    """
    wanted = _LEVELS[level]
    if debug:
        wanted = min(wanted, VERBOSE if debug == 1 else logging.DEBUG)
    logging.getLogger().setLevel(max(wanted, logging.WARNING))
    logging.getLogger(_OURS).setLevel(wanted)
    below = logging.DEBUG if wanted <= logging.DEBUG else logging.INFO if wanted <= VERBOSE else logging.WARNING
    logging.getLogger("diracmq_cli").setLevel(below)
    logging.getLogger("pika").setLevel(logging.DEBUG if debug > 2 else _QUIET)

"""A component's log on stderr, in lines as DIRAC writes them."""

from __future__ import annotations

import logging
import sys
import time

from diracmq_cli.output.escape import visible

_LEVELS = {
    "DEBUG": logging.DEBUG,
    "VERBOSE": 15,
    "INFO": logging.INFO,
    "NOTICE": 25,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "ALWAYS": 60,
}
"""DIRAC's levels in those of ``logging``."""

_OURS = "dirac-consumer"


class _Line(logging.Formatter):
    """``2026-11-24 12:00:00 UTC Framework/PilotLog INFO: …``, harmless to a terminal."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(record.created))
        said = visible(record.getMessage())
        if record.exc_info is not None and record.exc_info[1] is not None:
            said += "\n" + "\n".join(map(visible, self.formatException(record.exc_info).splitlines()))
        return f"{when} {self._name} {record.levelname}: {said}"


def start_logging(name: str, debug: int) -> None:
    """Log to stderr: the consumer's own, and with ``-d``, ``-dd``, ``-ddd`` more and more of what is below it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(name))
    logging.addLevelName(15, "VERBOSE")
    logging.addLevelName(25, "NOTICE")
    for logger, level in (
        (_OURS, logging.INFO if debug < 1 else logging.DEBUG),
        ("diracmq_cli", logging.WARNING if debug < 1 else (logging.INFO if debug < 2 else logging.DEBUG)),
        ("pika", logging.CRITICAL if debug < 3 else logging.DEBUG),
    ):
        logging.getLogger(logger).addHandler(handler)
        logging.getLogger(logger).setLevel(level)


def set_level(level: str) -> None:
    """The CS's ``LogLevel``, unless ``-d`` asks for more."""
    ours = logging.getLogger(_OURS)
    if ours.level != logging.DEBUG:
        ours.setLevel(_LEVELS[level])

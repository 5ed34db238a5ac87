"""Logging to stderr, as ``-d``, ``-dd`` and ``-ddd`` ask for it."""

from __future__ import annotations


def start_logging(level: int) -> None:
    """Send log records to stderr: 0 none, 1 our information, 2 our debugging, 3 pika's too."""
    if level <= 0:
        return
    import logging
    import sys

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    ours = logging.getLogger("diracmq_cli")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO if level == 1 else logging.DEBUG)
    if level >= 3:
        theirs = logging.getLogger("pika")
        theirs.addHandler(handler)
        theirs.setLevel(logging.DEBUG)

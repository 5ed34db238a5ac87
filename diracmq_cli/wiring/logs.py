"""Logging to stderr, as ``-d``, ``-dd`` and ``-ddd`` ask for it."""

from __future__ import annotations


def start_logging(program: str, level: int) -> None:
    """Send log records to stderr: 0 none, 1 our information, 2 our debugging, 3 pika's too.

    Args:
        program: the command's name, which each line begins with after the time.
        level: how many ``-d`` were given.
    """
    if level <= 0:
        return
    import logging
    import sys
    from datetime import UTC, datetime

    from diracmq_cli.output.escape import visible

    class Line(logging.Formatter):
        """One line per record, harmless to a terminal: a broker or a CFG may have had a hand in what it says."""

        def format(self, record: logging.LogRecord) -> str:
            when = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            where = record.name.removeprefix("diracmq_cli.")
            return f"{when} {program}: {record.levelname.lower()}: {where}: {visible(record.getMessage())}"

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    ours = logging.getLogger("diracmq_cli")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO if level == 1 else logging.DEBUG)
    if level > 2:
        theirs = logging.getLogger("pika")
        theirs.addHandler(handler)
        theirs.setLevel(logging.DEBUG)

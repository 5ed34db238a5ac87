"""Which sink received messages go to, by ``-j``, ``-F`` or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.errors import UsageError

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Sink
    from diracmq_cli.wiring.console import Console


def line_by_line(sink: Sink, console: Console) -> Sink:
    """The same, with batches taken apart into their lines (``--unbatch``)."""
    from diracmq_cli.output.unbatch import UnbatchSink

    return UnbatchSink(sink, console.talk.warning)


def printing_sink(console: Console, template: str | None) -> Sink:
    """The sink that shows messages on standard output as the flags ask.

    Raises:
        UsageError: ``-j`` and ``-F`` together, or a template that names an unknown field.
    """
    if console.json and template is not None:
        raise UsageError("--json and --format exclude each other")
    if console.json:
        from diracmq_cli.output.ndjson import NdjsonSink

        return NdjsonSink(console.writer)
    if template is not None:
        from diracmq_cli.output.template import TemplateSink

        return TemplateSink(console.writer, template, console.look)
    from diracmq_cli.output.text import TextSink

    return TextSink(console.writer, console.look)

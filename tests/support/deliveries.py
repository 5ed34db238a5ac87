"""Deliveries as a broker might hand them over, and places for sinks to write to."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable

from diracmq_cli.core.message import Delivery, Message, Properties
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.ports import Sink
from diracmq_cli.core.values import Table, Text
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.output.writer import Writer

DN = "/DC=org/DC=example/CN=Some User"
BROKER = Verdict(level=OriginLevel.BROKER, dn=DN)
SIGNED = Verdict(level=OriginLevel.SIGNED, dn=DN)
CLAIMED = Verdict(level=OriginLevel.CLAIMED, dn=DN)
WRONG = Verdict(level=None, reason="rerouted: came through exchange 'evil.x', which does not feed demo.jobs")
SERVER = Verdict(level=OriginLevel.BROKER, user="robot")


def a_delivery(
    body: bytes = b"payload started",
    *,
    headers: Table | None = None,
    routing_key: Text = "job.done",
    message_id: Text | None = "0193f1c2-7a10-7000-8000-0000000000aa",
    timestamp: int | None = 1795485483,
) -> Delivery:
    """A message as ``dirac-mq-send`` stamps it, from ``demo.jobs``."""
    return Delivery(
        message=Message(
            body=body,
            properties=Properties(
                message_id=message_id, timestamp=timestamp, content_type="text/plain", delivery_mode=2, user_id=DN
            ),
            headers={"dirac-dn": DN, "dirac-host": "wn17.example.org"} if headers is None else headers,
            routing_key=routing_key,
        ),
        service="dev",
        queue="demo.jobs",
        exchange="demo.jobs.x",
        delivery_tag=1,
    )


def written(make_sink: Callable[[Writer], Sink], *messages: tuple[Delivery, Verdict]) -> bytes:
    """What a sink writes for these messages."""
    with tempfile.TemporaryFile() as file:
        sink = make_sink(Writer(file.fileno()))
        for delivery, verdict in messages:
            sink.write(delivery, verdict)
        sink.flush()
        return os.pread(file.fileno(), 1 << 26, 0)


_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[nrt\\])|x(?P<ascii>[01][0-9a-f]|7f)|u(?P<u4>[0-9a-f]{4})|U(?P<u8>[0-9a-f]{8})"
    r"|(?P<octet>[23][0-7]{2})|(?P<dn>x[89A-F][0-9A-F])|(?P<stray>))"
)


def read_back(shown: str) -> str:
    """The one text that ``output.escape.visible`` shows as ``shown`` (octets as surrogates)."""

    def original(match: re.Match[str]) -> str:
        assert match["stray"] is None, f"a lone backslash in {shown!r}"
        if match["simple"]:
            return {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}[match["simple"]]
        if match["dn"]:
            return "\\" + match["dn"]
        if match["octet"]:
            return chr(0xDC00 + int(match["octet"], 8))
        return chr(int(match["ascii"] or match["u4"] or match["u8"], 16))

    return _ESCAPE.sub(original, shown)

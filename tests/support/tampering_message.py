"""Tampering with the message around a stamp, by anybody: no key is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from support.chains import NOW
from support.origin_world import delivered
from support.tampering import JOHN, Row

from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.values import FieldValue, OpaqueString, Timestamp


def messages() -> Iterator[Row]:
    """The message around the stamp, by anybody."""
    yield Row("dirac-dn another's", Refusal.DN, lambda s: s.with_headers(dirac_dn=JOHN))
    yield Row("dirac-dn removed", Refusal.DN, lambda s: s.with_headers(dirac_dn=...))  # type: ignore[arg-type]
    yield Row("dirac-host changed", Refusal.HOST, lambda s: s.with_headers(dirac_host="wn18.example.org"))
    yield Row("dirac-host removed", Refusal.HOST, lambda s: s.with_headers(dirac_host=...))  # type: ignore[arg-type]
    yield Row("dirac-ip changed", Refusal.HEADER_VALUE, lambda s: s.with_headers(dirac_ip="192.0.2.8"))
    yield Row("dirac-job added", Refusal.HEADER_ADDED, lambda s: s.with_headers(dirac_job="42"))
    yield Row("dirac-pilot removed", Refusal.HEADER_REMOVED, lambda s: s.with_headers(dirac_pilot=...))  # type: ignore[arg-type]
    yield Row("message_id changed", Refusal.MESSAGE_ID, lambda s: s.with_properties(message_id="0"))
    yield Row("message_id removed", Refusal.MESSAGE_ID, lambda s: s.with_properties(message_id=None))
    yield Row(
        "timestamp changed", Refusal.TIME, lambda s: s.with_properties(timestamp=s.message.properties.timestamp + 1)
    )  # type: ignore[operator]
    yield Row("timestamp removed", Refusal.TIME, lambda s: s.with_properties(timestamp=None))
    for field, reason in {
        "content_type": Refusal.CONTENT_TYPE,
        "content_encoding": Refusal.CONTENT_ENCODING,
        "type": Refusal.TYPE,
        "correlation_id": Refusal.CORRELATION_ID,
        "reply_to": Refusal.REPLY_TO,
        "app_id": Refusal.APP_ID,
    }.items():
        for what, value in (("changed", "x"), ("removed", None), ("not UTF-8", OpaqueString(b"\xff"))):
            yield Row(f"{field} {what}", reason, lambda s, f=field, v=value: s.with_properties(**{f: v}))
    yield Row(
        "routing key changed", Refusal.ROUTING_KEY, lambda s: delivered(replace(s.message, routing_key="job.failed"))
    )
    yield Row("in another queue", Refusal.DESTINATION, lambda s: delivered(s.message, queue="demo.pilots"))
    yield Row("of another service", Refusal.SERVICE, lambda s: replace(delivered(s.message), service="lhcb"))
    yield Row("CC added", Refusal.REROUTING, lambda s: s.with_headers(CC=["demo.jobs"]))
    yield Row(
        "headers unreadable", Refusal.MALFORMED_MESSAGE, lambda s: replace(delivered(s.message), defect="cut short")
    )
    for title, deaths, reason in (
        ("no list", "x", Refusal.DEATH),
        ("empty", [], Refusal.DEATH),
        ("of no tables", [1], Refusal.DEATH),
        ("without a key", [_death(keys=[])], Refusal.DEATH),
        ("with CC's keys", [_death(keys=["job.done", "x"])], Refusal.DEATH),
        ("of another queue", [_death(queue="demo.pilots")], Refusal.DESTINATION),
        ("of another key", [_death(keys=["x"])], Refusal.ROUTING_KEY),
    ):
        yield Row(f"x-death {title}", reason, lambda s, d=deaths: s.with_headers(x_death=d))
    yield Row("header added", Refusal.HEADER_ADDED, lambda s: s.with_headers(more="x"))
    yield Row("header removed", Refusal.HEADER_REMOVED, lambda s: s.with_headers(one=...))  # type: ignore[arg-type]
    yield Row("empty header removed", Refusal.HEADER_REMOVED, lambda s: s.with_headers(nothing=...))  # type: ignore[arg-type]
    yield Row("header changed", Refusal.HEADER_VALUE, lambda s: s.with_headers(one=2))
    yield Row("header deep inside changed", Refusal.HEADER_VALUE, lambda s: s.with_headers(list=[1, {"deep": 2}]))
    for title, changed in {
        "1 made 1.0": {"one": 1.0},
        "1 made true": {"one": True},
        "true made 1": {"flag": 1},
        "0.5 made text": {"half": "0.5"},
        "text made a number": {"text": 1},
        "text made octets": {"text": b"1"},
        "octets made text": {"octets": "1"},
        "a time made a number": {"when": 1},
        "a void made empty": {"nothing": ""},
    }.items():
        yield Row(f"header: {title}", Refusal.HEADER_TYPE, lambda s, c=changed: s.with_headers(**c))  # type: ignore[arg-type]
    yield Row("header: deep 1 made true", Refusal.HEADER_VALUE, lambda s: s.with_headers(list=[1, {"deep": True}]))
    yield Row("body cut", Refusal.BODY, lambda s: delivered(replace(s.message, body=s.message.body[:-1])))
    yield Row("body longer", Refusal.BODY, lambda s: delivered(replace(s.message, body=s.message.body + b"\0")))
    yield Row("body empty", Refusal.BODY, lambda s: delivered(replace(s.message, body=b"")))
    yield Row("sent by another", Refusal.USER_ID, lambda s: s.with_properties(user_id=JOHN))
    yield Row("sent by nobody", Refusal.USER_ID, lambda s: s.with_properties(user_id=None))
    yield Row("read after a day where an hour is allowed", Refusal.TOO_OLD, lambda s: s.at(-86400 / 2), 3600.0)


def _death(queue: str = "demo.jobs", keys: list[FieldValue] | None = None) -> dict[str, FieldValue]:
    return {
        "queue": queue,
        "exchange": "demo.jobs.x",
        "reason": "rejected",
        "count": 1,
        "time": Timestamp(int(NOW.timestamp())),
        "routing-keys": ["job.done"] if keys is None else keys,
    }

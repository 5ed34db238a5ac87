"""Batches shown line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.deliveries import BROKER, a_delivery, written

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.values import FieldValue
from diracmq_cli.output.ndjson import NdjsonSink
from diracmq_cli.output.unbatch import UnbatchSink

HEADERS: dict[str, FieldValue] = {"dirac-dn": "/CN=x", "site": "EXAMPLE"}


def _shown(delivery: Delivery) -> tuple[list[dict[str, Any]], list[str]]:
    warnings: list[str] = []
    octets = written(lambda writer: UnbatchSink(NdjsonSink(writer), warnings.append), (delivery, BROKER))
    return [json.loads(line) for line in octets.splitlines()], warnings


def test_each_line() -> None:
    """With the message's origin, properties and headers, and its number; without what is true of the whole only."""
    batch = a_delivery(b"a\n\nc\n", headers={**HEADERS, "dirac-lines": 3, "dirac-stamp": "e30.e30.e30"})
    shown, warnings = _shown(batch)
    whole, _ = _shown(a_delivery(b"", headers=HEADERS))
    assert [(row.pop("line"), row.pop("body")) for row in shown] == [(1, "a"), (2, ""), (3, "c")]
    del whole[0]["body"]
    assert shown == whole * 3
    assert warnings == []


def test_what_is_no_batch() -> None:
    """It is handed on as it is, with all its line ends."""
    shown, warnings = _shown(a_delivery(b"a\nb\n"))
    assert ([row["body"] for row in shown], "line" in shown[0], warnings) == (["a\nb\n"], False, [])


@pytest.mark.parametrize("said", [3, 1, -1, 2**62, "2", True, 2.0, None, {"a": ["b"]}])
def test_a_wrong_number(said: FieldValue) -> None:
    """Of lines: the message is shown as it is, and that is said."""
    shown, warnings = _shown(a_delivery(b"a\nb\n", headers={"dirac-lines": said}))
    assert [row["body"] for row in shown] == ["a\nb\n"]
    assert len(warnings) == 1
    assert "and the message holds 2" in warnings[0]

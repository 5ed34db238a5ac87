"""Values of a message as octets: what a template prints and what a command finds in its environment."""

from __future__ import annotations

import json

from diracmq_cli.core.jsonvalues import time_to_json, to_json
from diracmq_cli.core.values import FieldValue, OpaqueString, Timestamp


def octets_of(value: FieldValue) -> bytes:
    """A value as a script wants it: strings as they are, numbers in digits, times in UTC, arrays and tables as JSON.

    None (absent, or AMQP's void) is empty. JSON is that of the envelope.
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, OpaqueString):
        return value.octets
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, Timestamp):
        return time_to_json(value.seconds).encode()
    if isinstance(value, (list, dict)):
        return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":")).encode()
    return str(value).encode()

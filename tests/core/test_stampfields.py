"""What a stamp covers, its payload there and back, and what counts as the same."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fieldvalues import properties, short, tables, values

from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.fieldtable import decode_table, encode_table
from diracmq_cli.core.message import Delivery, Message, Properties
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.stampfields import StampFields, check_fields, fields_to_sign, same_value
from diracmq_cli.core.stamppayload import decode_payload, encode_payload
from diracmq_cli.core.values import FieldValue, OpaqueString, Table, Timestamp
from diracmq_cli.errors import DataError, VerificationError

DN = "/DC=org/DC=example/CN=Jane Doe"
QUEUE = Address("dev", Kind.QUEUE, "demo.jobs")


def stamped(
    body: bytes = b"x", given_: Properties | None = None, headers: Table | None = None, key: object = ""
) -> Message:
    base = replace(given_ or Properties(), message_id="id", timestamp=1795485483)
    return Message(body=body, properties=base, headers={"dirac-dn": DN, **(headers or {})}, routing_key=key)  # type: ignore[arg-type]


def delivered(message: Message, **fields: object) -> Delivery:
    named = {"service": "dev", "queue": "demo.jobs", "exchange": "demo.jobs.x", "delivery_tag": 1, **fields}
    return Delivery(message=message, **named)  # type: ignore[arg-type]


def as_the_design_has_it() -> Message:
    headers: Table = {"dirac-host": "wn17", "dirac-job": "42", "n": 1.0, "x-app": 1, "dirac-moved": {"by": "x"}}
    return stamped(b"payload started", Properties(content_type="text/plain", priority=3, user_id=DN), headers)


def test_it_looks_as_the_design_says() -> None:
    """Every field of the design is there under its name, absent ones are left out, and the brokers' are not there."""
    payload = encode_payload(fields_to_sign(as_the_design_has_it(), service="dev", destination=QUEUE))

    assert json.loads(payload) == {
        "v": 1,
        "id": "id",
        "time": 1795485483,
        "dn": DN,
        "host": "wn17",
        "service": "dev",
        "destination": "dev::Queues::demo.jobs",
        "routing_key": "",
        "content_type": "text/plain",
        "headers": {"dirac-job": "42", "n": {"$f64": 1.0}},
        "body_sha256": "DqDFBtH8Lws8aTV0g4WwS9rjOeJasMrErf1J7wTAE1A=",
    }
    assert b" " not in payload.replace(b"Jane Doe", b"")


@given(st.binary(max_size=80), properties, tables, short)
def test_what_is_signed_is_read_again_and_fits(body: bytes, given_: Properties, headers: Table, key: object) -> None:
    """Whatever a message holds, its payload comes back as it was and fits the message after a way through AMQP."""
    headers = {name: value for name, value in headers.items() if name not in ("CC", "BCC")}
    message = stamped(body, given_, {k: v for k, v in headers.items() if not k.startswith(("dirac-", "x-death"))}, key)
    fields = fields_to_sign(message, service="dev", destination=QUEUE)

    read = decode_payload(encode_payload(fields))

    there, _ = decode_table(encode_table(message.headers))
    check_fields(read, delivered(replace(message, headers=there)), services={"dev"})
    assert encode_payload(read) == encode_payload(fields)


@given(values, values)
def test_same_value_is_what_amqp_and_json_keep_apart(one: FieldValue, other: FieldValue) -> None:
    """Two values are the same exactly when AMQP writes the same octets for them, but for a table's order."""
    assert same_value(one, one)
    written = [encode_table({"": value}) for value in (one, other)]
    if written[0] == written[1]:
        assert same_value(one, other)
    if same_value(one, other) and not (isinstance(one, (dict, list))):
        assert written[0] == written[1]


DIFFERENT: list[tuple[FieldValue, FieldValue]] = [
    (1, 1.0),
    (1, True),
    (0, False),
    (1.0, True),
    (0.0, -0.0),
    (1, Decimal(1)),
    (Decimal("1.5"), Decimal("1.50")),
    (1, "1"),
    ("1", b"1"),
    ("", None),
    (1, Timestamp(1)),
    ("x", OpaqueString(b"x")),
    ([1], [True]),
    ([1, 2], [1]),
    ({"a": 1}, {"a": 1.0}),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 1, "b": None}),
    ([[1]], [[1.0]]),
    ([], {}),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_values_that_python_takes_for_equal_are_not(one: FieldValue, other: FieldValue) -> None:
    """The comparison is by type as well as by value, however deep."""
    assert not same_value(one, other)
    assert not same_value(other, one)


def test_nan_is_nan() -> None:
    """A header of NaN is not changed by being NaN."""
    assert same_value(float("nan"), float("nan"))


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 9},
        {"expiration": "1000"},
        {"delivery_mode": 1},
        {"user_id": "somebody"},
        {"cluster_id": "c"},
    ],
)
def test_what_brokers_change_may_change(change: dict) -> None:
    """Expiration, priority, delivery mode and login are not what the signer answers for."""
    message = as_the_design_has_it()
    fields = fields_to_sign(message, service="dev", destination=QUEUE)
    changed = replace(message, properties=replace(message.properties, **change))
    changed = replace(changed, headers={**changed.headers, "x-delivery-count": 3, "x-app": 2, "dirac-moved": "y"})

    check_fields(fields, delivered(changed), services={"dev"})


def test_an_exchange_is_a_destination() -> None:
    """What was sent to an exchange may be read in any queue that the exchange feeds, and from no other exchange."""
    message = stamped()
    fields = fields_to_sign(message, service="dev", destination=Address("dev", Kind.EXCHANGE, "demo.events"))

    for queue in ("demo.jobs", "demo.audit"):
        check_fields(fields, delivered(message, queue=queue, exchange="demo.events"), services={"dev"})
    with pytest.raises(VerificationError) as caught:
        check_fields(fields, delivered(message), services={"dev"})
    assert caught.value.reason is Refusal.DESTINATION


def test_the_queue_of_a_system() -> None:
    """The RFC's layout has addresses of its own; the service's name is the System's."""
    address = Address("Framework", Kind.QUEUE, "Monitoring", system=True)
    message = stamped()
    fields = decode_payload(encode_payload(fields_to_sign(message, service="Framework", destination=address)))

    assert fields.destination == address
    check_fields(fields, delivered(message, service="Framework", queue="Monitoring"), services={"Framework"})


def test_a_broker_of_two_names() -> None:
    """A reader who knows the broker by two names takes what was signed for either."""
    fields = fields_to_sign(stamped(), service="dev", destination=QUEUE)

    check_fields(fields, delivered(stamped(), service="other"), services={"other", "dev"})
    with pytest.raises(VerificationError) as caught:
        check_fields(fields, delivered(stamped(), service="other"), services={"other"})
    assert caught.value.reason is Refusal.SERVICE


@pytest.mark.parametrize(
    "message",
    [
        replace(stamped(), headers={}),
        replace(stamped(), headers={"dirac-dn": b"x"}),
        replace(stamped(), properties=Properties(timestamp=1)),
        replace(stamped(), properties=Properties(message_id="x")),
        replace(stamped(), properties=Properties(message_id=OpaqueString(b"\xff"), timestamp=1)),
    ],
    ids=["no sender", "odd sender", "no id", "no time", "odd id"],
)
def test_what_cannot_be_signed(message: Message) -> None:
    """A message must say who sent it, when and under which id."""
    with pytest.raises(DataError, match="cannot be signed"):
        fields_to_sign(message, service="dev", destination=QUEUE)


def read_or_refused(octets: bytes) -> StampFields | Refusal:
    try:
        return decode_payload(octets)
    except VerificationError as error:
        return Refusal(error.reason)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_payload_is_fields_or_a_refusal(octets: bytes) -> None:
    """Whatever was signed, reading it gives fields or one kind of error."""
    assert read_or_refused(octets) in (Refusal.PAYLOAD, Refusal.VERSION)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("v", "id", "time", "dn", "host", "service", "destination", "routing_key", "type", "headers", "body_sha256")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3))
def test_any_field_of_any_type_is_fields_or_a_refusal(changed: dict) -> None:
    """A payload with fields of other types, ranges and depths is read or refused."""
    whole = json.loads(encode_payload(fields_to_sign(as_the_design_has_it(), service="dev", destination=QUEUE)))
    read = read_or_refused(json.dumps({**whole, **changed}).encode())
    if isinstance(read, StampFields):
        assert encode_payload(decode_payload(encode_payload(read))) == encode_payload(read)
    else:
        assert read in (Refusal.PAYLOAD, Refusal.VERSION)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diracmq_cli.core.address import Address, Kind, parse_address
from diracmq_cli.errors import UsageError

NAMES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters=":/", min_codepoint=33), min_size=1)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("dev::Queues::demo.jobs", Address("dev", Kind.QUEUE, "demo.jobs")),
        ("dev::Exchanges::demo.events", Address("dev", Kind.EXCHANGE, "demo.events")),
        ("dev::Topics::t", Address("dev", Kind.TOPIC, "t")),
        ("mq.cern.ch::Queues::a/b", Address("mq.cern.ch", Kind.QUEUE, "a/b")),
        ("Framework/ComponentMonitoring", Address("Framework", Kind.QUEUE, "ComponentMonitoring", system=True)),
        ("demo.jobs", "demo.jobs"),
        ("QueuesHost", "QueuesHost"),
        ("a:b", "a:b"),
        ("a/b/c", "a/b/c"),
        ("/a", "/a"),
    ],
)
def test_each_way_to_write_a_destination(text: str, address: Address | str) -> None:
    """An mqURI and System/Queue are addresses; anything else is a name for the model to find."""
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dev::",
        "::Queues::x",
        "dev::Queues::",
        "dev::Queues",
        "dev::queues::x",
        "dev::Queue::x",
        "a::Queues::b::c",
        "a b",
        "a\n",
        "a\0",
    ],
)
def test_what_is_no_destination_is_a_usage_error(text: str) -> None:
    """The error shows the text, and the hint shows the four ways to write one."""
    with pytest.raises(UsageError) as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)
    assert "service::Queues::name" in (caught.value.hint or "")


@given(st.sampled_from(Kind), NAMES, NAMES)
def test_an_address_reads_as_it_is_written(kind: Kind, service: str, name: str) -> None:
    """What is shown to a user can be typed by him."""
    for address in (Address(service, kind, name), Address(service, Kind.QUEUE, name, system=True)):
        assert parse_address(str(address)) == address

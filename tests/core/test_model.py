from __future__ import annotations

from dataclasses import replace

import pytest
from support.specs import OTHER_SERVICE, SERVICE, SOURCE, exchange, queue

from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import Binding, HostPort, MessagingModel, OriginLevel, QueueType, Secret
from diracmq_cli.errors import ConfigError, UnknownDestination, UsageError

JOBS, DEAD, TWIN = queue("demo.jobs"), queue("demo.dead"), queue("demo.dead", OTHER_SERVICE)
MONITORING = queue("Monitoring", address=Address("Framework", Kind.QUEUE, "Monitoring", system=True))
EVENTS, SAME_NAME = exchange("demo.events"), exchange("demo.jobs")
BROKEN = ConfigError("MessageTTL is not a duration")
MODEL = MessagingModel(
    queues=(JOBS, DEAD, TWIN, MONITORING),
    exchanges=(EVENTS, SAME_NAME),
    services=(SERVICE, OTHER_SERVICE),
    refused=(
        (Address("dev", Kind.QUEUE, "broken"), BROKEN),
        (Address("dev", Kind.QUEUE, "demo.events"), BROKEN),
        (Address("lhcb", Kind.EXCHANGE, "Monitoring"), BROKEN),
    ),
    files=("dirac.cfg",),
)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("demo.jobs", JOBS),  # a queue before an exchange of that name
        ("dev::Queues::demo.jobs", JOBS),
        ("dev::Exchanges::demo.jobs", SAME_NAME),
        ("dev::Queues::demo.dead", DEAD),
        ("lhcb::Queues::demo.dead", TWIN),
        ("Framework/Monitoring", MONITORING),
        ("Monitoring", MONITORING),  # a refused exchange of that name does not stand in a queue's way
        ("dev::Exchanges::demo.events", EVENTS),
    ],
)
def test_a_destination_is_found_by_its_path_or_its_only_name(text: str, spec: object) -> None:
    """An exact path, or a bare name that one queue, else one exchange, bears."""
    assert MODEL.resolve(text) is spec


def test_a_name_that_two_bear_is_refused_with_both() -> None:
    """The candidates are in the hint as they can be typed."""
    with pytest.raises(UnknownDestination, match=r"demo\.dead is ambiguous") as caught:
        MODEL.resolve("demo.dead")
    assert caught.value.hint == "name one of dev::Queues::demo.dead, lhcb::Queues::demo.dead"


@pytest.mark.parametrize("text", ["broken", "dev::Queues::broken", "demo.events"])
def test_an_entry_that_cannot_be_read_raises_its_error(text: str) -> None:
    """Asked for by name, the refused entry says why, rather than being unknown or another thing of its name."""
    with pytest.raises(ConfigError) as caught:
        MODEL.resolve(text)
    assert caught.value is BROKEN


@pytest.mark.parametrize(
    "text",
    ["demo", "jobs", "Demo.Jobs", "demo.job", "demo.jobss", "lhcb::Queues::demo.jobs", "Monitoring/Framework",
     "dev::Topics::demo.jobs", "dev::Queues::Monitoring", "demo.jobs.x"],
)  # fmt: skip
def test_nothing_is_found_by_half_its_name(text: str) -> None:
    """DIRAC's own resolver takes MyTest for Test; here a prefix, a suffix or another case is unknown."""
    with pytest.raises(UnknownDestination, match="not known to the configuration"):
        MODEL.resolve(text)


def test_what_is_like_it_is_in_the_hint() -> None:
    """A part of a name brings those that hold it; a foreign name brings all; no configuration says so."""

    def hint(model: MessagingModel, text: str) -> str:
        with pytest.raises(UnknownDestination) as caught:
            model.resolve(text)
        return caught.value.hint or ""

    assert hint(MODEL, "JOBS") == "known are dev::Queues::demo.jobs, dev::Exchanges::demo.jobs"
    assert "Framework/Monitoring" in hint(MODEL, "zzz")
    many = MessagingModel(queues=tuple(queue(f"q{number}") for number in range(20)), files=("dirac.cfg",))
    assert hint(many, "zzz").endswith("and 12 more (dirac-mq list)")
    assert "--cfg FILE" in hint(MessagingModel(), "x")
    assert hint(MessagingModel(files=("a.cfg", "b.cfg")), "x") == "no queue is defined in a.cfg, b.cfg"


def test_what_is_no_address_is_a_usage_error() -> None:
    """The model does not look for what cannot be a name."""
    with pytest.raises(UsageError):
        MODEL.resolve("dev::Queues::")


def test_services_are_on_one_broker_by_hosts_and_vhost() -> None:
    """Another name or login changes nothing; another host or vhost does."""
    assert SERVICE.same_broker(replace(SERVICE, name="server", user="robot"))
    assert not SERVICE.same_broker(replace(SERVICE, vhost="other"))
    assert not SERVICE.same_broker(OTHER_SERVICE)


def test_a_queue_is_fed_by_its_exchange_and_its_bindings() -> None:
    """NAME.x and every further source; a stream has no tap."""
    spec = queue("q", bindings=(Binding("demo.events", "job.#"), Binding("demo.events", "pilot.#")))
    assert spec.feeds == {"q.x", "demo.events"}
    assert (spec.name, spec.tap) == ("q", "q.tap")
    assert queue("q", type=QueueType.STREAM).tap is None


def test_a_secret_cannot_be_printed() -> None:
    """Neither str nor repr, nor those of what holds it, show the password."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.value == "hunter2"


def test_small_types_show_themselves_as_people_write_them() -> None:
    """Hosts with their port (IPv6 in brackets), sources with section and file, levels by rank."""
    assert str(HostPort("mq.example.org", 5671)) == "mq.example.org:5671"
    assert str(HostPort("::1", 5671)) == "[::1]:5671"
    assert str(SOURCE) == "/Resources/MQServices/dev in dirac.cfg"
    assert sorted(OriginLevel, key=lambda level: level.rank) == ["claimed", "broker", "signed"]

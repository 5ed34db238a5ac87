"""The RFC's MessageQueueing in its three spellings."""

import pytest
from support.cfgs import load, model_of, write_cfg

from diracmq_cli.config import read_messaging
from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import HostPort, QueueType
from diracmq_cli.errors import ConfigError, UnknownDestination


def nested(path, body):
    """A CFG with ``body`` in the section at ``path``."""
    names = path.strip("/").split("/")
    return "".join(f"{name}\n{{\n" for name in names) + body + "\n" + "}\n" * len(names)


def merged(tmp_path, *texts):
    """The model of several CFG files."""
    return read_messaging(load(*(write_cfg(tmp_path, text, f"{n}.cfg") for n, text in enumerate(texts))))


SETUP = "DIRAC\n{\nSetup = Prod\nSetups\n{\nProd\n{\nFramework = Live\n}\nTest\n{\nFramework = Trial\n}\n}\n}\n"
QUEUE = "Logs\n{\nHost = mq1.example.org\nPort = 5673\nVH = dirac\nExchangeName = logs.in\n}"

PLACES = {
    "no instance": ("/Systems/Framework/MessageQueueing", ""),
    "no instance beside a setup": ("/Systems/Framework/MessageQueueing", SETUP),
    "instance": ("/Systems/Framework/Live/MessageQueueing", SETUP),
    "literal": ("/DIRAC/Systems/Framework/Prod/MessageQueueing", SETUP),
}


@pytest.mark.parametrize("place", PLACES)
def test_three_spellings(tmp_path, place):
    """A queue is found as System/Queue in every place that the RFC and its first code put it."""
    path, setup = PLACES[place]
    model = merged(tmp_path, setup, nested(path, QUEUE))
    queue = model.resolve("Framework/Logs")
    assert queue.address == Address("Framework", Kind.QUEUE, "Logs", system=True)
    assert (queue.name, queue.exchange, queue.service.vhost) == ("Logs", "logs.in", "dirac")
    assert queue.service.hosts == (HostPort("mq1.example.org", 5673),)
    assert queue.service.name == "Framework"
    assert queue.source.section == f"{path}/Logs"
    assert queue.service.source.section == path
    assert model.resolve("Logs") == queue


@pytest.mark.parametrize(
    ("path", "setup"),
    [
        ("/Systems/Framework/Trial/MessageQueueing", SETUP),
        ("/Systems/Framework/Live/MessageQueueing", ""),
        ("/Systems/Framework/Live/MessageQueueing", SETUP.replace("Setup = Prod", "Setup = Prod\nNoSetup = True")),
        ("/DIRAC/Systems/Framework/Test/MessageQueueing", SETUP),
        ("/DIRAC/Systems/Framework/Prod/MessageQueueing", ""),
        ("/DIRAC/Systems/Framework/Prod/MessageQueueing", "DIRAC\n{\nSetup = Prod\nNoSetup = yes\n}\n"),
    ],
)
def test_other_instances_are_ignored(tmp_path, path, setup):
    """Another setup's instance is not ours; without a setup, or with NoSetup, there is no instance level."""
    model = merged(tmp_path, setup, nested(path, QUEUE))
    assert model.queues == ()
    with pytest.raises(UnknownDestination):
        model.resolve("Framework/Logs")


def test_nearest_spelling_wins(tmp_path):
    """A queue in several places is read from the instance, then from the System, then from the literal place."""
    paths = [PLACES["instance"][0], PLACES["no instance"][0], PLACES["literal"][0]]
    texts = [nested(path, f"Logs\n{{\nHost = mq{n}\n}}") for n, path in enumerate(paths)]
    for n in range(3):
        (queue,) = merged(tmp_path, SETUP, *texts[n:])
        assert queue.service.hosts[0].host == f"mq{n}"


def test_options_of_the_level_above(tmp_path):
    """Host, VHost, User and the exchange may stand once for all queues; a queue's own come first, in any spelling."""
    level = (
        "Host = mq1\nVHost = dirac\nPort = 5673\nExchange = all.in\nType = quorum\nPublishers = group:x\n"
        "Logs\n{\n}\nOther\n{\nHost = mq2\nVH = own\nExchangeName = own.in\n}"
    )
    model = model_of(tmp_path, nested(PLACES["no instance"][0], level))
    logs, other = model.resolve("Framework/Logs"), model.resolve("Framework/Other")
    assert (logs.service.hosts, logs.service.vhost) == ((HostPort("mq1", 5673),), "dirac")
    assert (other.service.hosts, other.service.vhost) == ((HostPort("mq2", 5673),), "own")
    assert (logs.exchange, other.exchange) == ("all.in", "own.in")
    assert logs.type is QueueType.CLASSIC, "only how to reach the broker is inherited"
    assert logs.publishers.groups == ()
    assert len(model.services) == 2


def test_queues_of_one_broker_share_an_equal_service(tmp_path):
    """Each queue may repeat Host and the like, as first coded: they are still one service."""
    body = "A\n{\nHost = mq1\nDeadLetterQueue = B\n}\nB\n{\nHost = mq1\n}"
    model = model_of(tmp_path, nested(PLACES["no instance"][0], body))
    (service,) = model.services
    assert model.resolve("B").service == service
    assert model.resolve("A").dead_letter_queue == "B"


def test_dead_letters_stay_on_their_broker(tmp_path):
    """A dead letter queue on another broker cannot be reached, and is refused."""
    body = "A\n{\nHost = mq1\nDeadLetterQueue = B\n}\nB\n{\nHost = mq2\n}"
    model = model_of(tmp_path, nested(PLACES["no instance"][0], body))
    with pytest.raises(ConfigError, match=r"A/DeadLetterQueue in .*: queue 'B' is on another broker"):
        model.resolve("Framework/A")
    assert model.resolve("Framework/B").name == "B"


def test_bad_queue_does_not_hide_the_others(tmp_path):
    """A queue without a Host, or with a bad option, is refused by its own address only."""
    body = "A\n{\n}\nB\n{\nHost = mq1\nType = bad\n}\nC\n{\nHost = mq1\nTLS = no\n}\nD\n{\nHost = mq1\n}"
    model = model_of(tmp_path, nested(PLACES["no instance"][0], body))
    assert [queue.name for queue in model] == ["D"]
    section, file = PLACES["no instance"][0], str(tmp_path / "dirac.cfg")
    errors = {str(address): str(error) for address, error in model.refused}
    assert errors == {
        "Framework/A": f"{section}/A in {file}: Host is missing",
        "Framework/B": f"{section}/B/Type in {file} line 13: 'bad' is none of classic, quorum, stream",
        "Framework/C": f"{section}/C/TLS in {file} line 18: plaintext is for loopback only, and mq1 is not",
    }


def test_same_name_in_two_layouts(tmp_path):
    """A System and a service of one name are two things; each address finds its own, the bare name neither."""
    service = nested("/Resources/MQServices/Framework", "Host = mq9\nQueues\n{\nLogs\n{\n}\n}")
    model = merged(tmp_path, service, nested(PLACES["no instance"][0], QUEUE))
    assert model.resolve("Framework/Logs").service.hosts[0].host == "mq1.example.org"
    assert model.resolve("Framework::Queues::Logs").service.hosts[0].host == "mq9"
    with pytest.raises(UnknownDestination) as caught:
        model.resolve("Logs")
    assert caught.value.hint == "name one of Framework::Queues::Logs, Framework/Logs"

"""MQServices as DIRAC's deployments have them, beside what DIRAC's own resolver makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import diraccfg
import pytest
from support.cfgs import load, write_cfg
from support.dirac_env import run_dirac

from diracmq_cli.config import read_messaging
from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import MessagingModel
from diracmq_cli.errors import ConfigError, UnknownDestination

DATA = Path(__file__).parent / "data"
FILES = sorted(DATA.glob("*.cfg"))

_RESOLVE = """
import json, sys
from DIRAC.ConfigurationSystem.Client.ConfigurationData import gConfigurationData
from DIRAC.ConfigurationSystem.private.Refresher import gRefresher
gRefresher.disable()
gConfigurationData.loadFile(sys.argv[1])
from DIRAC.Resources.MessageQueue.Utilities import getMQParamsFromCS
found = []
for uri in sys.argv[2:]:
    try:
        found.append(getMQParamsFromCS(uri).get("Value"))
    except Exception as error:
        found.append(repr(error))
print(json.dumps(found))
"""


def by_dirac(file: str, uris: list[str]) -> list[object]:
    """What DIRAC's resolver finds for each mqURI: the options, None for an error that it returns, or what it raises."""
    return json.loads(run_dirac(_RESOLVE, file, *uris).splitlines()[-1])


def written(file: str) -> dict[Address, dict[str, str]]:
    """What is written for each (service, kind, name): the service's options, and over them the destination's."""
    services = diraccfg.CFG().loadFromFile(file).getAsDict("Resources/MQServices") or {}
    return {
        Address(service, kind, name): _options(entry) | _options(destination)
        for service, entry in services.items()
        for kind in Kind
        for name, destination in entry.get(kind, {}).items()
    }


def by_us(file: str) -> dict[Address, dict[str, str]]:
    """The options that are found for each destination, listed or refused."""
    configuration = load(file)
    model = read_messaging(configuration)
    addresses = [spec.address for spec in (*model.queues, *model.exchanges)] + [each for each, _ in model.refused]
    found = {}
    for address in addresses:
        service = configuration.tree.at(f"/Resources/MQServices/{address.service}")
        own = configuration.tree.at(f"/Resources/MQServices/{address.service}/{address.kind}/{address.name}")
        assert service is not None
        assert own is not None
        found[address] = {name: option.value for name, option in (*service.options.items(), *own.options.items())}
    return found


def _options(section) -> dict[str, str]:
    return {name: value for name, value in section.items() if isinstance(value, str)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_options_found_are_those_written(path: Path) -> None:
    """For every CFG and every (service, kind, name) in it."""
    assert by_us(str(path)) == written(str(path))


@pytest.mark.parametrize("path", [path for path in FILES if written(str(path))], ids=lambda path: path.stem)
def test_dirac_finds_the_same_where_it_is_right(path: Path) -> None:
    """In DIRAC's own examples its resolver agrees with what is written, and so with us, but for one service."""
    expected = written(str(path))
    answers = by_dirac(str(path), [str(address) for address in expected])
    kinds = {Kind.QUEUE: "Queue", Kind.TOPIC: "Topic"}
    for answer, (address, options) in zip(answers, expected.items(), strict=True):
        right = {kinds[address.kind]: address.name, **options}
        if address.service == "mq.dirac.net":  # it takes different-mq.dirac.net for it
            assert answer == {**right, "Host": "different-mq.dirac.net"} != right
        else:
            assert answer == right


TRAPS = """
Resources
{
  MQServices
  {
    mq
    {
      Host = mq1
      Queues
      {
        Test
        {
          Description = the right one
        }
        MyTest
        {
          Description = the wrong one
        }
      }
    }
    QueuesHost
    {
      Host = mq2
      Queues
      {
        jobs
        {
        }
      }
    }
    other-mq
    {
      Host = mq3
      Queues
      {
        mq
        {
        }
      }
    }
  }
}
"""


def test_where_dirac_is_wrong(tmp_path: Path) -> None:
    """DIRAC finds MyTest for Test and loses a service called QueuesHost; by exact path both are found."""
    file = write_cfg(tmp_path, TRAPS)
    test, queues_host = by_dirac(file, ["mq::Queues::Test", "QueuesHost::Queues::jobs"])
    assert isinstance(test, dict)
    assert test["Description"] == "the wrong one"
    assert not isinstance(queues_host, dict) or "Host" not in queues_host
    model = read_messaging(load(file))
    assert _queue(model, "mq::Queues::Test").description == "the right one"
    assert _queue(model, "Test").description == "the right one"
    assert _queue(model, "QueuesHost::Queues::jobs").service.hosts[0].host == "mq2"
    assert by_us(file) == written(file)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    """DIRAC matches by substring: it finds a service by a part of its name; we do not."""
    file = write_cfg(tmp_path, TRAPS)
    (answer,) = by_dirac(file, ["mq::Queues::mq"])
    assert isinstance(answer, dict)
    with pytest.raises(UnknownDestination):
        read_messaging(load(file)).resolve("mq::Queues::mq")


@pytest.mark.parametrize("path", [path for path in FILES if written(str(path))], ids=lambda path: path.stem)
def test_stomp_entries(path: Path) -> None:
    """A Stomp entry is listed with its destinations, and refused with the reason and the option that makes it work."""
    model = read_messaging(load(str(path)))
    for queue in model:
        service = queue.service
        if service.mq_type == "RabbitMQ":
            assert service.refusal is None
            continue
        port = written(str(path))[queue.address]["Port"]
        assert service.refusal == f"is a Stomp service; its Port {port} is not AMQP"
        remedy = f"set AMQPPort = 5671, or MQType = RabbitMQ and Port = 5671, in {service.source.section}"
        assert service.refusal_hint == remedy
        for options in (("AMQPPort=5671",), ("MQType=RabbitMQ", "Port=5671")):
            overrides = tuple(f"{service.source.section}/{option}" for option in options)
            again = _queue(read_messaging(load(str(path), options=overrides)), str(queue.address))
            assert again.service.refusal is None
            assert {host.port for host in again.service.hosts} == {5671}


def test_topics_are_refused_with_a_way_out() -> None:
    """A Stomp topic is no AMQP destination; its refusal names what to define instead."""
    model = read_messaging(load(str(DATA / "dirac_test_activeclose_two_services.cfg")))
    with pytest.raises(ConfigError) as caught:
        model.resolve("mardirac3.in2p3.fr::Topics::test1")
    assert caught.value.hint == "define Exchanges/test1 with Type = topic in that service, or a queue"


def _queue(model: MessagingModel, name: str):
    return model.resolve(name)

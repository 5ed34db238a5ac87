"""CFGs from DIRAC's own repositories (their first line says whence): what is found equals what is written there."""

from pathlib import Path

import diraccfg
import pytest
from support.cfgs import load

from diracmq_cli.config import read_messaging, read_registry
from diracmq_cli.core.address import Kind
from diracmq_cli.errors import ConfigError

DATA = Path(__file__).parent / "data"
FILES = sorted(DATA.glob("*.cfg"))
WITH_MESSAGING = {
    "dirac_docs_centralized_logging.cfg": 1,
    "dirac_docs_messagequeues.cfg": 1,
    "dirac_test_activeclose_two_services.cfg": 4,
    "dirac_test_mq_utilities_ambiguous.cfg": 4,
    "dirac_v6r16_docs_mq.cfg": 1,
}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def real(request):
    """One real CFG file."""
    return request.param


def test_files_are_there():
    """All nine are tried, and each says where it is from."""
    assert len(FILES) == 9
    assert all(path.read_text().startswith("# SOURCE: github.com/DIRACGrid/DIRAC @ ") for path in FILES)


def test_every_option_is_read(real):
    """Each option of each file has the value that diraccfg reads, and its line in the file holds its name."""
    tree = load(str(real)).tree
    lines = real.read_text().split("\n")
    count = 0

    def compare(section, expected):
        nonlocal count
        for name, value in expected.items():
            if isinstance(value, dict):
                compare(section.sections[name], value)
            else:
                option = section.options[name]
                assert option.value == value
                assert lines[option.line - 1].split("=")[0].rstrip("+ ").strip() == name
                count += 1

    compare(tree, diraccfg.CFG().loadFromFile(str(real)).getAsDict())
    assert count > 0


def test_every_destination_is_found(real):
    """For every (service, kind, name) of the file: found by its exact path with the options written there."""
    model = read_messaging(load(str(real)))
    services = diraccfg.CFG().loadFromFile(str(real)).getAsDict("Resources/MQServices") or {}
    count = 0
    for service, options in services.items():
        for kind in Kind:
            for name in options.get(kind, {}):
                count += 1
                address = f"{service}::{kind}::{name}"
                if kind is Kind.TOPIC:
                    with pytest.raises(ConfigError, match="a topic is Stomp's"):
                        model.resolve(address)
                    continue
                queue = model.resolve(address)
                assert str(queue.address) == address
                assert queue.name == name
                assert [host.host for host in queue.service.hosts] == [options["Host"]]
                assert [host.port for host in queue.service.hosts] == [int(options.get("Port", 5671))]
                assert queue.service.vhost == options.get("VHost", "/")
                assert queue.service.user == options.get("User")
                assert (queue.service.refusal is not None) == (options.get("MQType") == "Stomp")
    assert count == WITH_MESSAGING.get(real.name, 0)
    assert len(model.queues) + len(model.refused) == count


@pytest.mark.parametrize("name", sorted(WITH_MESSAGING))
def test_amqp_port_makes_them_work(name):
    """Setting AMQPPort beside each entry makes AMQP of it."""
    plain = read_messaging(load(str(DATA / name)))
    names = [service.name for service in plain.services]
    options = tuple(f"/Resources/MQServices/{service}/AMQPPort=5671" for service in names)
    model = read_messaging(load(str(DATA / name), options=options))
    assert len(model.services) == len(names) > 0
    for service in model.services:
        assert service.refusal is None
        assert {host.port for host in service.hosts} == {5671}


def test_groups_of_a_real_registry():
    """A registry with += and comments between is read: both members of the group, by their DNs."""
    registry = read_registry(load(str(DATA / "dirac_v7r2_test_pilotcs_full.cfg")))
    assert registry.members("lhcb_pilot") == (
        "/DC=ch/DC=voodo/OU=Organic Units/OU=Users/CN=franekbolek/CN=111122/CN=Franek Bolek",
        "/DC=ch/DC=cern/OU=Organic Units/OU=Users/CN=ttester/CN=696969/CN=Thomas Tester",
    )
    assert registry.groups["lhcb_pilot"].properties == ("GenericPilot", "LimitedDelegation")

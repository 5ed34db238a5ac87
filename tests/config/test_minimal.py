"""The smallest CFG that resolves some queues, and where each of their settings comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.asking import Asker
from support.cfgs import FULL, load, one_queue, write_cfg
from support.csserver import CS, TlsServer
from support.pki import PKI
from support.proxies import Holder

from diracmq_cli.config import explain, minimal_cfg, read_messaging
from diracmq_cli.config.options import Options
from diracmq_cli.config.queues import read_exchange, read_queue
from diracmq_cli.config.sections import _EXCHANGE, _EXCHANGE_NAME, _QUEUE, _REACH
from diracmq_cli.config.services import read_service
from diracmq_cli.config.settings import UNUSED
from diracmq_cli.config.tree import Option, Section
from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import ExchangeSpec, MessagingModel, QueueSpec, Source
from diracmq_cli.core.verdict import Route

DATA = Path(__file__).parent / "data"

SYSTEMS = """
DIRAC
{
  Setup = Prod
  Setups
  {
    Prod
    {
      Framework = Live
    }
  }
}
LocalInstallation
{
  MessageQueueing
  {
    Password = s3cret
  }
}
Systems
{
  Framework
  {
    Live
    {
      MessageQueueing
      {
        Host = mq1
        VH = dirac
        User = robot
        ExchangeName = all.in
        Type = quorum
        Logs
        {
          Description = Logs, of all
          DeadLetterQueue = Dead
        }
        Dead
        {
          Exchange = own.in
        }
        Other
        {
        }
      }
    }
  }
}
"""


def bare(spec: QueueSpec | ExchangeSpec) -> QueueSpec | ExchangeSpec:
    """The entry without where it was read, and without its password."""
    nowhere = Source("", "")
    service = replace(spec.service, source=nowhere, password=None, password_problem=None, refusal_hint=None)
    return replace(spec, source=nowhere, service=service)


def again(tmp_path: Path, text: str) -> MessagingModel:
    """What the CFG means to somebody who has nothing else."""
    return read_messaging(load(write_cfg(tmp_path, text, "minimal.cfg")))


CFGS = {"MQServices": FULL, "Systems": SYSTEMS, **{path.stem: path.read_text() for path in sorted(DATA.glob("*.cfg"))}}


@pytest.mark.parametrize("name", CFGS)
def test_loads_back_equal(name: str, tmp_path: Path) -> None:
    """Each queue and exchange of each CFG, alone: read from its own small CFG, it is what it was."""
    configuration = load(write_cfg(tmp_path, CFGS[name], mode=0o600))
    model = read_messaging(configuration)
    for spec in (*model.queues, *model.exchanges):
        text = minimal_cfg(configuration, model, [spec])
        small = again(tmp_path, text)
        assert bare(small.resolve(str(spec.address))) == bare(spec)
        assert small.refused == ()
        assert "s3cret" not in text
        assert "Password" not in text
        assert "Registry" not in text


def test_several_queues(tmp_path: Path) -> None:
    """All that are asked for, in one CFG, each section once."""
    configuration = load(write_cfg(tmp_path, FULL, mode=0o600))
    model = read_messaging(configuration)
    small = again(tmp_path, minimal_cfg(configuration, model, model.queues))
    assert {bare(spec) for spec in small.queues} == {bare(spec) for spec in model.queues}


def test_text(tmp_path: Path) -> None:
    """It is small: the options that count, as they are written, and nothing else."""
    queue = "Type = quorum\nAcknowledgement = True\nPublishers = group:a, /DC=org/CN=Doe, Jane"
    configuration = load(write_cfg(tmp_path, one_queue(queue, head="Host = mq1\nVHost = x\nSSLVersion = TLSv1")))
    model = read_messaging(configuration)
    assert (
        minimal_cfg(configuration, model, [model.resolve("jobs")])
        == """\
Resources
{
  MQServices
  {
    mq
    {
      Queues
      {
        jobs
        {
          Type = quorum
          Publishers = group:a, /DC=org/CN=Doe, Jane
        }
      }
      Host = mq1
      VHost = x
    }
  }
}
"""
    )


def test_instance_is_left_out(tmp_path: Path) -> None:
    """A System's queue is found by a reader of any setup, or none."""
    configuration = load(write_cfg(tmp_path, SYSTEMS))
    model = read_messaging(configuration)
    text = minimal_cfg(configuration, model, [model.resolve("Framework/Other")])
    assert "Live" not in text
    for setup in ("", "DIRAC\n{\nSetup = Test\n}\n"):
        assert again(tmp_path, text + setup).resolve("Framework/Other").exchange == "all.in"


def test_dead_letters(tmp_path: Path) -> None:
    """With a queue come those where its dead letters go, and with a dead letter queue those that feed it."""
    body = "\n".join(
        f"{name}\n{{\n{f'DeadLetterQueue = {dead}' if dead else ''}\n}}"
        for name, dead in {"a": "b", "b": "c", "c": "", "d": "c", "e": "", "f": "g", "g": "f"}.items()
    )
    head = "Resources\n{\nMQServices\n{\nmq\n{\nHost = mq1\nQueues\n{\n"
    configuration = load(write_cfg(tmp_path, head + body + "}\n}\n}\n}\n"))
    model = read_messaging(configuration)
    expected = {"a": "abc", "b": "abc", "c": "abcd", "d": "cd", "e": "e", "f": "fg"}
    for name, names in expected.items():
        queue = model.resolve(name)
        small = again(tmp_path, minimal_cfg(configuration, model, [queue]))
        assert sorted(found.name for found in small) == list(names)
        assert isinstance(queue, QueueSpec)
        assert Route.to(small.resolve(name), small).feeds == Route.to(queue, model).feeds  # type: ignore[arg-type]


def line_of(text: str, option: str) -> int:
    """The line of the first option of that name."""
    return next(number for number, line in enumerate(text.split("\n"), 1) if line.split("=")[0].strip() == option)


def test_explained(tmp_path: Path) -> None:
    """Each setting with its value and its place: file and line, the command line, or by default; secrets masked."""
    local = write_cfg(tmp_path, "Resources\n{\nMQServices\n{\nmq\n{\nPassword = s3cret\n}\n}\n}\n", "own.cfg", 0o600)
    queue = "Type = quorum\nDeliveryLimt = 5"
    text = one_queue(queue, head="Host = mq1\nUser = robot")
    file = write_cfg(tmp_path, text)
    configuration = load(file, local, options=("/Resources/MQServices/mq/Queues/jobs/MessageTTL=7d",))
    rows = explain(configuration, read_messaging(configuration).resolve("jobs"))
    service = "/Resources/MQServices/mq"
    found = [(row.option.removeprefix(service), row.value, row.place, row.remark) for row in rows]
    assert found == [
        ("/Queues/jobs/Type", "quorum", f"{file} line {line_of(text, 'Type')}", None),
        ("/Queues/jobs/MessageTTL", "7d", "-o", None),
        ("/Host", "mq1", f"{file} line {line_of(text, 'Host')}", None),
        ("/User", "robot", f"{file} line {line_of(text, 'User')}", None),
        ("/Password", "********", f"{local} line 7", None),
        ("/VHost", "/", "default", None),
        ("/TLS", "yes", "default", None),
        ("/HostOrder", "shuffled", "default", None),
        ("/MQType", "RabbitMQ", "default", None),
        ("/Queues/jobs/Exchange", "jobs.x", "default", None),
        ("/Port", "5671", "default", None),
        (
            "/Queues/jobs/DeliveryLimt",
            "5",
            f"{file} line {line_of(text, 'DeliveryLimt')}",
            UNUSED,
        ),
    ]


def test_explained_with_a_server(asker: Asker, pki: PKI, host: Holder) -> None:
    """What the CS says is said to come from its server, with the line of the CFG that it sent."""
    text = one_queue("Type = quorum")
    with TlsServer(host, pki.ca_directory, CS(text).https) as server:
        service = asker.service(server.url)
        queue = service.find(lambda model: model.resolve("jobs"))
        rows = explain(service.configuration(), queue)
        places = {row.option.rpartition("/")[2]: row.place for row in rows}
        assert places["Type"] == f"{server.url} line {line_of(text, 'Type')}"
        assert places["Host"] == f"{server.url} line {line_of(text, 'Host')}"


def test_explained_in_the_rfcs_layout(tmp_path: Path) -> None:
    """A queue's own options hide those of the level above, in any spelling; what does not count there is not said."""
    file = write_cfg(tmp_path, SYSTEMS, mode=0o600)
    configuration = load(file)
    model = read_messaging(configuration)
    rows = {row.option: row for row in explain(configuration, model.resolve("Framework/Dead"))}
    level = "/Systems/Framework/Live/MessageQueueing"
    assert f"{level}/ExchangeName" not in rows
    assert rows[f"{level}/Dead/Exchange"].value == "own.in"
    assert rows[f"{level}/VH"].place == f"{file} line {line_of(SYSTEMS, 'VH')}"
    assert rows[f"{level}/Dead/Type"].place == "default"
    assert rows["/LocalInstallation/MessageQueueing/Password"].value == "********"


def test_no_option_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the readers read is what ``explain`` and ``minimal_cfg`` know: fails when an option is added to one only."""
    asked: set[tuple[str, ...]] = set()

    def find(_: Options, *spellings: str) -> tuple[str, Option] | None:
        asked.add(spellings)
        return ("/x/Host", Option("mq1", "f")) if spellings == ("Host",) else None

    monkeypatch.setattr(Options, "find", find)
    options, address = Options(Section("/x", "f")), Address("mq", Kind.QUEUE, "q")
    service = read_service("mq", options, options.source, None, None)
    assert asked == set(_REACH)
    asked.clear()
    read_queue(address, service, options, {})
    assert asked == {*_QUEUE, *_EXCHANGE_NAME}
    asked.clear()
    read_exchange(address, service, options)
    assert asked == set(_EXCHANGE)

"""The names that completions offer: kept by ordinary commands, harmless, and those of the configuration in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Asker
from support.cfgs import mq_service, write_cfg
from support.csserver import CS, TlsServer
from support.pki import PKI
from support.proxies import Holder

from diracmq_cli.config import ConfigurationService, LocalSources

LOCAL = mq_service("Queues\n{\nlogs\n{\n}\nboth\n{\n}\n}", name="here", head="Host = mq2.example.org")
REMOTE = mq_service(
    "Queues\n{\njobs\n{\n}\nboth\n{\n}\n}\nExchanges\n{\nevents\n{\n}\njobs\n{\n}\n}", head="Host = mq1"
)
SYSTEM = "Systems\n{\nFramework\n{\nMessageQueueing\n{\nHost = mq1\nMonitoring\n{\n}\n}\n}\n}\n"


@pytest.fixture
def server(pki: PKI, host: Holder) -> Iterator[TlsServer]:
    with TlsServer(host, pki.ca_directory, CS(REMOTE + SYSTEM).https) as running:
        yield running


def command(directory: Path, asker: Asker, name: str | None = None, **sources: tuple[str, ...]) -> ConfigurationService:
    """A command that finds ``name`` (or nothing), and ends."""
    environment = {**asker.sources().environment, "DIRACSYSCONFIG": str(directory / "site.cfg")}
    service = ConfigurationService(LocalSources(environment=environment, **sources), asker.access())
    if name is not None:
        service.find(lambda model: model.resolve(name))
    else:
        assert service.local is service.current
    service.keep_names()
    return service


def names(asker: Asker) -> set[str] | None:
    """The lines that are kept, but for the first."""
    path = asker.directory / "cache" / "dirac-mq" / "names"
    if not path.exists():
        return None
    head, *lines = path.read_text().splitlines()
    assert head.startswith("# dirac-mq ")
    assert path.stat().st_mode & 0o777 == 0o600
    return set(lines)


def configure(directory: Path, text: str, *urls: str) -> None:
    servers = f"DIRAC\n{{\nConfiguration\n{{\nServers = {', '.join(urls)}\n}}\n}}\n" if urls else ""
    write_cfg(directory, servers + text, "site.cfg")


def test_local_names(asker: Asker, tmp_path: Path) -> None:
    """Without servers the local files' names are kept, each bare and by its address."""
    configure(tmp_path, LOCAL)
    command(tmp_path, asker)
    addresses = {"Q here::Queues::logs", "Q here::Queues::both"}
    assert names(asker) == {"s here", "q logs", "q both", *addresses}


def test_names_of_the_cs(asker: Asker, tmp_path: Path, server: TlsServer) -> None:
    """What the CS knows is kept as soon as a command has needed it; a name that two queues bear is an address."""
    configure(tmp_path, LOCAL, server.url)
    command(tmp_path, asker, "logs")
    before = names(asker)
    assert before is None or "q jobs" not in before
    command(tmp_path, asker, "events")
    kept = {
        *("s here", "s mq", "s Framework", "q logs", "q jobs", "q Monitoring", "e events"),
        *("q here::Queues::both", "q mq::Queues::both", "e mq::Exchanges::jobs"),
        *("Q here::Queues::logs", "Q here::Queues::both", "Q mq::Queues::jobs", "Q mq::Queues::both"),
        *("Q Framework/Monitoring", "E mq::Exchanges::events", "E mq::Exchanges::jobs"),
    }
    assert names(asker) == kept
    command(tmp_path, asker, "logs")
    assert names(asker) == kept
    assert server.connections == 1


def test_command_line_is_for_one_command(asker: Asker, tmp_path: Path) -> None:
    """Files and options of one command do not become names of the next."""
    configure(tmp_path, LOCAL)
    command(tmp_path, asker)
    before = names(asker)
    other = write_cfg(tmp_path, REMOTE, "other.cfg")
    command(tmp_path, asker, cfg_files=(other,))
    command(tmp_path, asker, options=("/Resources/MQServices/here/Queues/more/Type=classic",))
    assert names(asker) == before


def test_another_configuration(asker: Asker, tmp_path: Path) -> None:
    """The names are those of the command before, also when its configuration had been read long ago."""
    one, two = tmp_path / "one", tmp_path / "two"
    configure(one, LOCAL)
    configure(two, SYSTEM)
    for _ in range(2):
        command(one, asker)
        assert "q logs" in (names(asker) or ())
        command(two, asker)
        assert names(asker) == {"s Framework", "q Monitoring", "Q Framework/Monitoring"}


def test_only_harmless_names(asker: Asker, tmp_path: Path) -> None:
    """A name that a shell might take for more than text is left out, and hides no other."""
    bad = ["$(touch x)", "`touch x`", "a;b", "a b", "a'b", 'a"b', "-rf", "~root", "a|b", "a&b", "a*", "é", "a\\b", "!!"]
    entries = "\n".join(f"{name}\n{{\n}}" for name in [*bad, "fine-1.x"])
    configure(tmp_path, mq_service(f"Queues\n{{\n{entries}\n}}"))
    service = command(tmp_path, asker)
    assert len(service.current.model.queues) > 10
    assert names(asker) == {"s mq", "q fine-1.x", "Q mq::Queues::fine-1.x", "Q mq::Queues::-rf"}


def test_no_place_to_keep_them(asker: Asker, tmp_path: Path) -> None:
    """A cache that cannot be written is no failure."""
    configure(tmp_path, LOCAL)
    (asker.directory / "cache").write_text("")
    command(tmp_path, asker)
    assert (asker.directory / "cache").read_text() == ""

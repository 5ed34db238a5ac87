"""Local files first, the CS only when those do not suffice, and copies of it in between."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Asker
from support.cfgs import mq_service
from support.csserver import CS, Peer, TlsServer, http_response
from support.pki import PKI
from support.proxies import Holder

from diracmq_cli.config import ConfigurationService, LocalSources
from diracmq_cli.errors import AccessError, ConfigError, CredentialError, CSUnreachable, UnknownDestination

REMOTE = mq_service("Queues\n{\njobs\n{\nDescription = remote\n}\nnew\n{\n}\n}", head="Host = mq1.example.org")
LOCAL = mq_service("Queues\n{\nlogs\n{\n}\n}", name="here", head="Host = mq2.example.org")


@pytest.fixture
def cs() -> CS:
    """What the server serves."""
    return CS(REMOTE)


@pytest.fixture
def server(cs: CS, pki: PKI, host: Holder) -> Iterator[TlsServer]:
    """A configuration server over https."""
    with TlsServer(host, pki.ca_directory, cs.https) as running:
        yield running


@pytest.fixture
def dead(pki: PKI, host: Holder, cs: CS) -> str:
    """A server that has gone."""
    with TlsServer(host, pki.ca_directory, cs.https) as gone:
        return gone.url


def find(service: ConfigurationService, name: str):
    """The queue of that name, as commands look for it."""
    return service.find(lambda model: model.resolve(name))


def copy_of(asker: Asker) -> Path:
    """The file that holds the copy of the CS."""
    (path,) = (asker.directory / "cache" / "dirac-mq").glob("cs-*.cfg")
    return path


def grow_old(asker: Asker, seconds: float = 7200) -> None:
    """Let the copy be older."""
    past = time.time() - seconds
    os.utime(copy_of(asker), (past, past))


def assert_warned(asker: Asker, beginning: str) -> None:
    """One sentence was said; it ends with an age, which may be a second more."""
    (warning,) = asker.warnings
    assert warning.startswith(beginning)
    assert warning.endswith(" ago")


def test_local_name_costs_nothing(asker: Asker, server: TlsServer) -> None:
    """A name that the local files resolve makes no request and needs no credential."""
    asker.local = LOCAL
    service = asker.service(server.url)
    assert find(service, "logs").service.name == "here"
    service.renew(1)
    assert (server.connections, asker.credentials, asker.warnings) == (0, 0, [])
    assert service.current is service.local


def test_unknown_name_is_looked_for_in_the_cs(asker: Asker, server: TlsServer) -> None:
    """A name that is not local is found in the CS, once asked for all that the command looks for."""
    asker.local = LOCAL
    service = asker.service(server.url)
    assert find(service, "jobs").source.file == server.url
    assert find(service, "new").source.file == server.url
    assert {queue.name for queue in service.current.model} == {"logs", "jobs", "new"}
    assert (server.connections, asker.credentials) == (1, 1)


def test_nowhere(asker: Asker, server: TlsServer) -> None:
    """A name that neither knows is unknown (66), and the hint names what there is."""
    with pytest.raises(UnknownDestination) as caught:
        find(asker.service(server.url), "job")
    assert "mq::Queues::jobs" in (caught.value.hint or "")


def test_without_servers(asker: Asker) -> None:
    """No configuration server is named: the local files are all there is, and nothing is kept of a CS."""
    asker.local = LOCAL
    service = asker.service()
    with pytest.raises(UnknownDestination):
        find(service, "jobs")
    assert service.everything() is service.local
    assert asker.credentials == 0


def test_entry_that_is_local_in_part(asker: Asker, server: TlsServer) -> None:
    """An entry whose local part lacks what the CS has (a private file with the password alone) is read whole."""
    asker.local = "Systems\n{\nS\n{\nMessageQueueing\n{\nLogs\n{\nContact = me\n}\n}\n}\n}\n"
    with pytest.raises(ConfigError, match="Host is missing"):
        find(asker.service(), "S/Logs")
    remote = (
        "Systems\n{\nS\n{\nMessageQueueing\n{\nHost = mq1\nLogs\n{\nContact = you\nDescription = logs\n}\n}\n}\n}\n"
    )
    with TlsServer(server.host, server.ca_directory, CS(remote).https) as other:
        queue = find(asker.service(other.url), "S/Logs")
    assert (queue.contact, queue.description, queue.service.hosts[0].host) == ("me", "logs", "mq1")


def test_local_wins_over_the_cs(asker: Asker, server: TlsServer) -> None:
    """Option by option, as DIRAC does; and each option knows where it is from."""
    asker.local = "Resources\n{\nMQServices\n{\nmq\n{\nQueues\n{\njobs\n{\nDescription = local\n}\n}\n}\n}\n}\n"
    service = asker.service(server.url)
    assert find(service, "jobs").description == "local"
    option = service.configuration().get("/Resources/MQServices/mq/Queues/jobs/Description")
    assert option is not None
    assert option.file == str(asker.directory / "local.cfg")
    assert service.configuration().get("/Resources/MQServices/mq/Host").file == server.url  # type: ignore[union-attr]


def test_fresh_copy_is_used(asker: Asker, server: TlsServer, dead: str) -> None:
    """Within its age a copy makes every request needless: none is made, and no credential is looked at."""
    find(asker.service(server.url), "jobs")
    for _ in range(3):
        service = asker.service(server.url)
        assert find(service, "jobs").description == "remote"
        assert service.configuration().text("/Resources/MQServices/mq/Host") == "mq1.example.org"
        with pytest.raises(UnknownDestination):
            find(service, "other")
        service.renew(1)
    assert (server.connections, asker.credentials) == (1, 1)


def test_copy_is_private(asker: Asker, server: TlsServer) -> None:
    """The copy and all beside it are for their owner alone, in a directory for him alone."""
    asker.service(server.url).everything()
    files = list(copy_of(asker).parent.iterdir())
    assert copy_of(asker).parent.stat().st_mode & 0o777 == 0o700
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_age_has_jitter(asker: Asker, server: TlsServer, cs: CS) -> None:
    """Copies made at one moment end at different ones, within the last quarter of their age."""
    ages = set()
    for number in range(12):
        cs.version = f"2026-11-24 {number:02}"
        asker.service(server.url, max_age=0).everything()
        service = asker.service(server.url)
        head = service._copy.head()
        assert head is not None
        last = max(age for age in range(0, 3700, 50) if head._replace(age=float(age)).is_fresh(3600))
        ages.add(last)
    assert len(ages) > 3
    assert min(ages) >= 2650
    assert max(ages) < 3600


def test_stale_copy_serves_and_is_renewed_behind(asker: Asker, server: TlsServer, cs: CS) -> None:
    """A copy past its age still resolves, at once; the request comes when the work is done, and counts next time."""
    find(asker.service(server.url), "jobs")
    grow_old(asker)
    cs.version, cs.text = "2027", REMOTE.replace("remote", "renewed")
    service = asker.service(server.url)
    assert find(service, "jobs").description == "remote"
    assert server.connections == 1
    service.renew(5)
    assert server.connections == 2
    service.renew(5)
    assert server.connections == 2
    assert find(asker.service(server.url), "jobs").description == "renewed"
    assert server.connections == 2
    assert asker.warnings == []


def test_stale_copy_without_the_name(asker: Asker, server: TlsServer, cs: CS) -> None:
    """What a stale copy does not know may be new: the servers are asked before anybody is told that it is unknown."""
    find(asker.service(server.url), "jobs")
    grow_old(asker)
    cs.version, cs.text = "2027", REMOTE.replace("new\n", "newer\n")
    service = asker.service(server.url)
    assert find(service, "newer").name == "newer"
    service.renew(5)
    assert server.connections == 2


def test_nothing_newer(asker: Asker, server: TlsServer) -> None:
    """The servers say that the stale copy is the newest: no data is sent, and it is fresh again."""
    find(asker.service(server.url), "jobs")
    grow_old(asker)
    before = copy_of(asker).read_bytes()
    service = asker.service(server.url)
    find(service, "jobs")
    service.renew(5)
    assert b"args=%5B%222026-11-24+01%3A02%3A03.000004%22%5D" in server.heard[-1]
    assert copy_of(asker).read_bytes() == before
    assert time.time() - copy_of(asker).stat().st_mtime < 60


def test_every_server_is_away(asker: Asker, pki: PKI, host: Holder, cs: CS) -> None:
    """The stale copy serves, and that is said once; nobody tries again for a while."""
    with TlsServer(host, pki.ca_directory, cs.https) as server:
        url = server.url
        find(asker.service(url), "jobs")
    grow_old(asker)
    for _ in range(3):
        service = asker.service(url)
        assert find(service, "jobs").description == "remote"
        service.renew(1)
    assert asker.credentials == 2
    assert_warned(asker, f"{url}: connection refused; used the copy of 2h")


def test_every_server_is_away_and_the_name_is_unknown(asker: Asker, pki: PKI, host: Holder, cs: CS) -> None:
    """A name that the stale copy lacks is unknown (66); that nobody could be asked is said."""
    with TlsServer(host, pki.ca_directory, cs.https) as server:
        url = server.url
        find(asker.service(url), "jobs")
    grow_old(asker)
    with pytest.raises(UnknownDestination):
        find(asker.service(url), "other")
    assert_warned(asker, f"{url}: connection refused; looked in the copy of 2h")


def test_asking_first(asker: Asker, pki: PKI, host: Holder, cs: CS) -> None:
    """With an age of 0 the servers are asked before a copy is used; when all are away it is, with a warning."""
    with TlsServer(host, pki.ca_directory, cs.https) as server:
        url = server.url
        find(asker.service(url), "jobs")
        cs.version, cs.text = "2027", REMOTE.replace("remote", "renewed")
        assert find(asker.service(url, max_age=0), "jobs").description == "renewed"
    assert find(asker.service(url, max_age=0), "jobs").description == "renewed"
    assert_warned(asker, f"{url}: connection refused; using the copy of ")


def test_no_copy_and_no_server(asker: Asker, dead: str) -> None:
    """Nothing can be done: 69, naming the server, after what the local files alone said, which may be the mistake."""
    with pytest.raises(CSUnreachable) as caught:
        find(asker.service(dead), "jobs")
    said = "jobs is not known to the configuration; the CS, which may know more, cannot be asked: "
    assert str(caught.value) == f"{said}{dead}: connection refused"
    assert (caught.value.hint or "").startswith(f"no queue is defined in {asker.directory / 'local.cfg'}, ")


def test_no_credential(asker: Asker, server: TlsServer) -> None:
    """A CS that has to be asked needs a credential: what is wrong with it is what is said."""

    def none() -> None:
        raise CredentialError("no credential found", hint="dirac-proxy-init")

    service = asker.service(server.url)
    service._access = service._access._replace(credential=none)
    with pytest.raises(AccessError, match="no credential found"):
        find(service, "jobs")
    assert server.connections == 0


DAMAGES = {
    "cut": lambda octets: octets[:-5],
    "longer": lambda octets: octets + b"x",
    "one octet": lambda octets: octets.replace(b"mq1", b"mq9"),
    "empty": lambda octets: b"",
    "head": lambda octets: octets.replace(b"# dirac-mq 1", b"# dirac-mq 2", 1),
    "noise": lambda octets: os.urandom(500),
    "other CS": lambda octets: octets.replace(b"'unknown'", b"'another'", 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_corrupt_copy_is_ignored_and_replaced(damage: str, asker: Asker, server: TlsServer) -> None:
    """A copy that is not as it was written is no copy: the servers are asked for all of it, and it is replaced."""
    find(asker.service(server.url), "jobs")
    whole = copy_of(asker).read_bytes()
    copy_of(asker).write_bytes(DAMAGES[damage](whole))
    assert find(asker.service(server.url), "jobs").service.hosts[0].host == "mq1.example.org"
    assert server.connections == 2
    assert b"args=%5B%220%22%5D" in server.heard[-1]
    assert copy_of(asker).read_bytes().partition(b"\n")[2] == whole.partition(b"\n")[2]
    assert asker.warnings == []


def test_copy_of_somebody_else_is_not_used(asker: Asker, server: TlsServer) -> None:
    """A copy that others could write, or a directory that they can, is not trusted; all goes on without."""
    find(asker.service(server.url), "jobs")
    copy_of(asker).chmod(0o660)
    find(asker.service(server.url), "jobs")
    assert server.connections == 2
    copy_of(asker).parent.chmod(0o770)
    for expected in (3, 4):
        find(asker.service(server.url), "jobs")
        assert server.connections == expected
    assert asker.warnings == []


def test_link_is_not_followed(asker: Asker, server: TlsServer, tmp_path: Path) -> None:
    """Neither the directory nor the file may be a link."""
    find(asker.service(server.url), "jobs")
    path = copy_of(asker)
    elsewhere = path.rename(tmp_path / "elsewhere.cfg")
    path.symlink_to(elsewhere)
    find(asker.service(server.url), "jobs")
    assert server.connections == 2
    assert not path.is_symlink()
    directory = path.parent.rename(tmp_path / "directory")
    path.parent.symlink_to(directory)
    find(asker.service(server.url), "jobs")
    assert server.connections == 3


def test_no_home(asker: Asker, server: TlsServer) -> None:
    """Without HOME nothing is kept: the CS is asked each time, and nothing fails."""
    asker.service(server.url)
    file = str(asker.directory / "servers.cfg")
    for expected in (1, 2):
        sources = LocalSources(cfg_files=(file,), environment={"DIRAC_ROOT_PATH": "/nonexistent"})
        assert find(ConfigurationService(sources, asker.access()), "jobs").name == "jobs"
        assert server.connections == expected


def test_place_that_cannot_be_written(asker: Asker, server: TlsServer) -> None:
    """A cache directory that is a file is no failure either."""
    (asker.directory / "cache").write_text("")
    assert find(asker.service(server.url), "jobs").name == "jobs"
    assert asker.warnings == []


def test_copies_are_told_apart(asker: Asker, server: TlsServer, pki: PKI, host: Holder) -> None:
    """Other servers, or another VO, are another CS."""
    other = CS(REMOTE.replace("jobs", "tasks"))
    with TlsServer(host, pki.ca_directory, other.https) as second:
        assert find(asker.service(server.url), "jobs")
        assert find(asker.service(second.url), "tasks")
        asker.local = "DIRAC\n{\nVirtualOrganization = lhcb\n}\n"
        assert find(asker.service(server.url), "jobs")
    assert server.connections == 2
    assert b"clientVO=lhcb" in server.heard[-1]


def test_setup_is_told(asker: Asker, server: TlsServer) -> None:
    """Servers up to DIRAC 8 are told the setup."""
    asker.local = "DIRAC\n{\nSetup = LHCb-Production\n}\n"
    find(asker.service(server.url), "jobs")
    assert b"clientSetup=LHCb-Production" in server.heard[-1]


WITH_PASSWORDS = """
LocalInstallation
{
  MessageQueueing
  {
    Password = s3cret-a
  }
}
Systems
{
  Framework
  {
    Databases
    {
      User = dirac
      Password = s3cret-b
    }
    MessageQueueing
    {
      Host = mq1
      User = robot
      Logs
      {
        Password = s3cret-c
      }
    }
  }
}
Resources
{
  # Password = s3cret-d
  MQServices
  {
    mq
    {
      Host = mq1
      User = robot
      Password = s3cret-e
      Queues
      {
        jobs
        {
          Password =
        }
      }
    }
  }
}
"""


def test_passwords_of_the_cs(asker: Asker, server: TlsServer, cs: CS) -> None:
    """A password that came over the network is ignored with a warning, and is nowhere on the disk."""
    cs.text = WITH_PASSWORDS
    service = asker.service(server.url)
    assert find(service, "jobs").service.user == "robot"
    for name in ("jobs", "Framework/Logs"):
        assert find(service, name).service.password is None
        assert find(service, name).service.password_problem is None
    assert sorted(asker.warnings) == [
        f"{path}/Password from {server.url} is ignored: a password in the CS is no secret"
        for path in (
            "/LocalInstallation/MessageQueueing",
            "/Resources/MQServices/mq",
            "/Systems/Framework/MessageQueueing/Logs",
        )
    ]
    for path in copy_of(asker).parent.iterdir():
        assert b"s3cret" not in path.read_bytes()
    assert asker.service(server.url).everything().warnings == service.current.warnings


def test_local_password_for_a_service_of_the_cs(asker: Asker, server: TlsServer, cs: CS) -> None:
    """A server's own password, from a private local file, is used with the CS's entry."""
    cs.text = WITH_PASSWORDS
    asker.local = "Resources\n{\nMQServices\n{\nmq\n{\nPassword = 0wn\n}\n}\n}\n"
    asker.service(server.url)
    (asker.directory / "local.cfg").chmod(0o600)
    password = find(asker.service(server.url), "jobs").service.password
    assert password is not None
    assert password.value == "0wn"
    assert not [warning for warning in asker.warnings if "MQServices" in warning]


def test_security_is_local(asker: Asker, server: TlsServer, cs: CS) -> None:
    """Where certificates and CAs are was settled before the CS was asked: it cannot move them."""
    cs.text = REMOTE + "DIRAC\n{\nVirtualOrganization = lhcb\nSecurity\n{\nCALocation = /tmp/evil\n}\n}\n"
    everything = asker.service(server.url).everything()
    assert everything.security.ca_directory is None
    assert everything.vo == "lhcb"


def test_renewing_is_short(asker: Asker, pki: PKI, host: Holder, cs: CS) -> None:
    """A server that hangs holds a finished command up for no longer than it is given."""

    def hang(peer: Peer) -> None:
        peer.request()
        time.sleep(3)

    with TlsServer(host, pki.ca_directory, cs.https) as server:
        find(asker.service(server.url), "jobs")
        grow_old(asker)
        server.conversation = hang
        service = asker.service(server.url)
        find(service, "jobs")
        started = time.monotonic()
        service.renew(0.5)
        assert time.monotonic() - started < 1.5
        assert_warned(asker, f"{server.url}: no answer in time; used the copy of 2h")


def test_server_that_refuses_while_there_is_a_copy(asker: Asker, pki: PKI, host: Holder, cs: CS) -> None:
    """A refusal is no absence: whoever asks first is told of it, and a stale copy is used with a warning."""

    def refuse(peer: Peer) -> None:
        peer.request()
        peer.send(http_response(b"<html>", "401 Unauthorized"))

    with TlsServer(host, pki.ca_directory, cs.https) as server:
        find(asker.service(server.url), "jobs")
        server.conversation = refuse
        with pytest.raises(CredentialError, match="HTTP 401"):
            find(asker.service(server.url, max_age=0), "jobs")
        grow_old(asker)
        service = asker.service(server.url)
        find(service, "jobs")
        service.renew(5)
    assert "(HTTP 401); used the copy of" in asker.warnings[0]

"""``broker trust`` on a running broker: CAs come and go, without a restart and without closing a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.broker import Broker, Completed
from support.chain_parts import USER_USAGE, name
from support.chain_server import POLICY, write_hashed
from support.chains import Issued, crl, issue, root
from support.clients import login, person, refused

from diracmq_cli.devbroker import Role


@pytest.fixture
def new_ca() -> Issued:
    return root(name("DC=org", "DC=example", "CN=New CA"))


@pytest.fixture
def trust(devbroker: Broker) -> Iterator[Callable[..., Completed]]:
    """Run ``broker trust`` on the devbroker's files; afterwards its CA directory and bundle are as before."""
    directory = devbroker.layout.certificates
    before = set(directory.iterdir())
    etc = devbroker.node.etc

    def run(*flags: str) -> Completed:
        argv = ["dirac-mq", "broker", "trust", "--out", str(etc), "--ca-dir", str(directory), *flags]
        return devbroker.command(argv, **on_the_host(devbroker))

    yield run
    for path in set(directory.iterdir()) - before:
        path.unlink()
    assert run().status == 0


def on_the_host(devbroker: Broker) -> dict[str, str]:
    """The environment in which the node's own rabbitmqctl finds it."""
    environment = devbroker.node.environment(devbroker.state)
    return {**environment, "RABBITMQ_HOME": str(devbroker.node.installation.home)}


def published(ca: Issued, directory: Path, **about_crl: datetime) -> list[Path]:
    return [write_hashed(directory, pem) for pem in (ca.pem, crl(ca, **about_crl))]


def test_a_ca_comes_and_goes(
    devbroker: Broker, new_ca: Issued, trust: Callable[..., Completed], write: Callable[..., Path]
) -> None:
    """A new CA's user gets in once trust has run, and no longer when it has run without that CA; who is connected
    stays so."""
    user = person(devbroker, Role.USER)
    chain = write(issue(user.subject, new_ca, USER_USAGE))
    assert "unknown_ca" in refused(devbroker, chain)
    staying = devbroker.client("user")
    files = published(new_ca, devbroker.layout.certificates)
    added = trust("--json")
    assert (added.status, added.stderr) == (0, "")
    assert json.loads(added.stdout)["added"] == ["/DC=org/DC=example/CN=New CA"]
    assert login(devbroker, chain) == devbroker.dn("user")
    for file in files:
        file.unlink()
    removed = trust()
    assert (removed.status, removed.stderr) == (0, "")
    assert removed.stdout.splitlines()[0] == "removed\t/DC=org/DC=example/CN=New CA"
    assert "unknown_ca" in refused(devbroker, chain)
    staying.process_data_events(0)
    assert staying.is_open
    staying.close()


def test_a_signing_policy_and_a_crl_need_no_reload(
    devbroker: Broker, new_ca: Issued, trust: Callable[..., Completed], write: Callable[..., Path]
) -> None:
    """A policy that trust has written holds from then on, and so does a CRL that fetch-crl has brought."""
    directory = devbroker.layout.certificates
    user = issue(person(devbroker, Role.USER).subject, new_ca, USER_USAGE)
    chain = write(user)
    ca_file, crl_file = published(new_ca, directory)
    policy = ca_file.with_suffix(".signing_policy")
    lines = POLICY.format("/DC=org/DC=example/CN=New CA", "{}")
    policy.write_text(lines.format("/C=XX/*"))
    trust()
    assert ": signing_policy" in refused(devbroker, chain)
    policy.write_text(lines.format("/DC=org/*"))
    assert trust("--no-reload").status == 0
    devbroker.eval("timer:sleep(1000)")  # the plugin looks once a second
    assert login(devbroker, chain) == devbroker.dn("user")
    crl_file.write_bytes(crl(new_ca, user))
    devbroker.eval("timer:sleep(1000)")
    assert ": revoked" in refused(devbroker, chain)


def test_what_soon_ends_is_said(devbroker: Broker, new_ca: Issued, trust: Callable[..., Completed]) -> None:
    """A CRL of less than three days, a policy that nobody can read and a host certificate that is none are warned of;
    the rest is done all the same."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    ca_file, _ = published(new_ca, devbroker.layout.certificates, until=soon)
    ca_file.with_suffix(".signing_policy").write_text("nonsense\n")
    done = trust("--no-reload", "--host-cert", str(ca_file.with_suffix(".signing_policy")))
    assert done.status == 0
    assert f"the CRL of /DC=org/DC=example/CN=New CA ends on {soon:%Y-%m-%d %H:%M} UTC" in done.stderr
    assert "/DC=org/DC=example/CN=New CA can certify nobody" in done.stderr
    assert "is no certificate" in done.stderr
    assert done.stdout == "added\t/DC=org/DC=example/CN=New CA\nauthorities\t2\n"


def test_no_broker_is_said_after_the_files_are_written(devbroker: Broker, tmp_path: Path) -> None:
    """Exit 69 where the node does not answer; the next start reads what was written."""
    argv = ["dirac-mq", "broker", "trust", "--out", str(tmp_path), "--ca-dir", str(devbroker.layout.certificates)]
    done = devbroker.command([*argv, "--node", "nobody@localhost"], **on_the_host(devbroker))
    assert (done.status, done.stdout) == (69, "")
    assert "error: rabbitmqctl cannot ask nobody@localhost" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "signing_policy.config"}


def test_an_empty_directory_locks_nobody_out(devbroker: Broker, tmp_path: Path) -> None:
    """A CA directory that is not mounted is refused (78), and nothing is written."""
    (tmp_path / "empty").mkdir()
    argv = ["dirac-mq", "broker", "trust", "--out", str(tmp_path / "etc"), "--ca-dir", str(tmp_path / "empty")]
    done = devbroker.command(argv)
    assert (done.status, done.stdout) == (78, "")
    assert "holds no CA certificate" in done.stderr
    assert not (tmp_path / "etc").exists()


def test_timer(devbroker: Broker, tmp_path: Path) -> None:
    """The units run the same command; nothing is written."""
    argv = ["dirac-mq", "broker", "trust", "--out", str(tmp_path / "my etc"), "--ca-dir", "/ca%", "--print-timer"]
    done = devbroker.command([*argv, "--node", "rabbit@mq1"])
    assert (done.status, done.stderr) == (0, "")
    command = next(line for line in done.stdout.splitlines() if line.startswith("ExecStart="))
    assert command.endswith(f"dirac-mq broker trust --out '{tmp_path}/my etc' --ca-dir /ca%% --node rabbit@mq1")
    assert not (tmp_path / "my etc").exists()

"""Credentials as the commands take and refuse them: 77 within 2 s, naming the DN and the file."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import take
from support.proxies import Holder, by_dirac, by_globus, by_hand, by_openssl


@pytest.fixture
def holder(devbroker: Broker) -> Holder:
    """The user's certificate and key."""
    pki = devbroker.layout.pki
    return Holder(pki / "user.cert.pem", pki / "user.key.pem")


@pytest.mark.parametrize("tool", [by_globus, by_openssl, by_dirac])
def test_proxies_of_three_tools(devbroker: Broker, holder: Holder, tmp_path: Path, tool: object) -> None:
    """Whoever made the proxy, and a proxy of it: the message bears the end entity's DN."""
    devbroker.purge("demo.jobs")
    first = tool(holder, tmp_path / "proxy1.pem")  # type: ignore[operator]
    second = by_hand(Holder.of_proxy(first), tmp_path / "proxy2.pem")
    for proxy in (first, second):
        done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x"], X509_USER_PROXY=str(proxy))
        assert (done.status, done.stdout, done.stderr) == (0, "", "")
    dns = [(properties.user_id, properties.headers["dirac-dn"]) for _, properties, _ in take(devbroker, "demo.jobs")]
    assert dns == [(devbroker.dn("user"),) * 2] * 2


def _missing(holder: Holder, directory: Path) -> Path:
    return directory / "nothing.pem"


def _expired(holder: Holder, directory: Path) -> Path:
    now = datetime.now(UTC)
    return by_hand(
        holder, directory / "expired.pem", not_before=now - timedelta(hours=2), not_after=now - timedelta(hours=1)
    )


def _not_yet_valid(holder: Holder, directory: Path) -> Path:
    now = datetime.now(UTC)
    return by_hand(
        holder, directory / "early.pem", not_before=now + timedelta(hours=1), not_after=now + timedelta(hours=2)
    )


def _tampered(holder: Holder, directory: Path) -> Path:
    """Signed by somebody else's key: the signature does not fit the issuer's certificate."""
    return by_hand(holder, directory / "tampered.pem", signer=holder.key.with_name("pilot.key.pem"))


def _wrong_key(holder: Holder, directory: Path) -> Path:
    file = by_globus(holder, directory / "mixed.pem")
    blocks = file.read_text().split("-----BEGIN ")
    other = by_globus(holder, directory / "other.pem").read_text().split("-----BEGIN ")
    key = next(index for index, block in enumerate(blocks) if "PRIVATE KEY" in block)
    blocks[key] = next(block for block in other if "PRIVATE KEY" in block)
    file.write_text("-----BEGIN ".join(blocks))
    return file


def _open_to_others(holder: Holder, directory: Path) -> Path:
    file = by_globus(holder, directory / "open.pem")
    file.chmod(0o644)
    return file


def _no_certificate(holder: Holder, directory: Path) -> Path:
    file = directory / "garbage.pem"
    file.write_text("hello\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    ("spoil", "said", "knows_dn"),
    [
        (_missing, "does not exist", False),
        (_expired, "expired", True),
        (_not_yet_valid, "is not valid before", True),
        (_tampered, "has been tampered with", True),
        (_wrong_key, "key", True),
        (_open_to_others, "open to others (mode 0644)", True),
        (_no_certificate, "holds no certificate", False),
    ],
)
def test_a_bad_proxy(
    devbroker: Broker, holder: Holder, tmp_path: Path, spoil: object, said: str, knows_dn: bool
) -> None:
    """Exit 77 within 2 s and without dialling, naming file, DN and what to do."""
    proxy = spoil(holder, tmp_path)  # type: ignore[operator]
    nobody = "/Resources/MQServices/dev/Host=192.0.2.1"  # would take the whole timeout
    started = time.monotonic()
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "-o", nobody], X509_USER_PROXY=str(proxy))
    assert time.monotonic() - started < 30
    assert (done.status, done.stdout) == (77, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("dirac-mq-send: error: ")
    assert str(proxy) in error
    assert said in error
    assert (devbroker.dn("user") in error) == knows_dn
    assert hint.startswith("dirac-mq-send: hint: ")


def test_no_credential_at_all(devbroker: Broker, tmp_path: Path) -> None:
    """Every place that was looked at is named, and how to make a proxy."""
    if Path("/tmp/x509up_u0").exists():
        pytest.skip("somebody keeps a proxy at /tmp/x509up_u0")
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x"], X509_USER_PROXY="", HOME=str(tmp_path))
    assert (done.status, done.stdout) == (77, "")
    assert "no credential found" in done.stderr
    assert f"{tmp_path}/.globus/usercert.pem" in done.stderr
    assert "dirac-proxy-init" in done.stderr


def test_the_certificates_of_globus(devbroker: Broker, holder: Holder, tmp_path: Path) -> None:
    """Without a proxy, ``~/.globus`` is used."""
    if Path("/tmp/x509up_u0").exists():
        pytest.skip("somebody keeps a proxy at /tmp/x509up_u0")
    (tmp_path / ".globus").mkdir()
    shutil.copy(holder.certificate, tmp_path / ".globus/usercert.pem")
    shutil.copy(holder.key, tmp_path / ".globus/userkey.pem")
    (tmp_path / ".globus/userkey.pem").chmod(0o400)
    devbroker.purge("demo.jobs")
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x"], X509_USER_PROXY="", HOME=str(tmp_path))
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    [(_, properties, _)] = take(devbroker, "demo.jobs")
    assert properties.user_id == devbroker.dn("user")


def test_a_broker_of_an_unknown_authority(devbroker: Broker, tmp_path: Path) -> None:
    """A broker whose certificate cannot be verified is refused by us: 77, and the hint is about CAs."""
    (tmp_path / "00000000.0").write_text((devbroker.layout.pki / "user.cert.pem").read_text())
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "--capath", str(tmp_path)])
    assert (done.status, done.stdout) == (77, "")
    assert "--capath" in done.stderr


def test_a_broker_of_another_name(devbroker: Broker) -> None:
    """The host name that was asked for must be in the broker's certificate: 77, naming both sides of the matter."""
    other_name = f"amqps://127.1:{devbroker.port}"  # resolves to 127.0.0.1, and is not written so in the certificate
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "-b", other_name])
    assert (done.status, done.stdout) == (77, "")
    assert "the broker's certificate is for another host" in done.stderr
    assert "127.1" in done.stderr

"""``dirac-mq-check`` on the devbroker, and what it found."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.x509.oid import NameOID
from support.broker import Broker, Completed
from support.commands import rows
from support.pki import distinguished
from support.proxies import Holder, by_hand
from support.remotecs import pki_of

Row = dict[str, Any]


def check(broker: Broker, *argv: str, role: str = "user", **environment: str) -> tuple[Completed, list[Row]]:
    """Run it with ``--json`` and all the time that a busy machine may need; it says nothing on standard error."""
    done = broker.command(["dirac-mq-check", "-j", "-t", "30s", *argv], role, **environment)
    assert done.stderr == ""
    return done, rows(done)


def only(found: list[Row], name: str, subject: str | None = None) -> Row:
    """The one finding of that check (about ``subject``)."""
    [row] = [row for row in found if row["check"] == name and subject in (None, row["subject"])]
    return row


def states(found: list[Row]) -> dict[str, str]:
    """How each check ended; where there are several of one name, the last."""
    return {row["check"]: row["status"] for row in found}


def service(name: str, port: int, host: str = "localhost", more: str = "") -> str:
    """An entry of MQServices with a queue ``q``."""
    return f"{name}\n{{\nHost = {host}\nPort = {port}\nVHost = dirac\n{more}\nQueues\n{{\nq\n{{\n}}\n}}\n}}\n"


def services(path: Path, *entries: str) -> str:
    """A CFG of such entries, for ``--cfg``."""
    path.write_text("Resources\n{\nMQServices\n{\n" + "".join(entries) + "}\n}\n")
    return str(path)


def expired_proxy(broker: Broker, directory: Path) -> str:
    """A proxy of the user that ended an hour ago."""
    layout = broker.layout
    holder = Holder(layout.pki / "user.cert.pem", layout.pki / "user.key.pem")
    now = datetime.now(UTC)
    out = directory / "expired.pem"
    by_hand(holder, out, not_before=now - timedelta(hours=3), not_after=now - timedelta(hours=1))
    return str(out)


def host_certificate(broker: Broker, name: str, start: timedelta, end: timedelta) -> Holder:
    """A certificate of the devbroker's CA for a host of that common name, valid from and until so long from now."""
    now = datetime.now(UTC)
    subject = distinguished((NameOID.COMMON_NAME, name))
    return pki_of(broker).issue(f"host-{name}-{os.getpid()}", subject, life=(now + start, now + end))

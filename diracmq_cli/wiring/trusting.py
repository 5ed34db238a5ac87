"""Trust, wired: the CA bundle and the signing policies of a running broker, made anew from a CA directory."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.authorities import Authorities, read_authorities
from diracmq_cli.admin.delivery import deliver, staging, write_files
from diracmq_cli.admin.expiry import expiring_certificate, expiring_crls
from diracmq_cli.admin.installation import find_rabbitmq
from diracmq_cli.admin.rabbitmqctl import Rabbitmqctl
from diracmq_cli.admin.signingterms import POLICIES, signing_terms
from diracmq_cli.admin.timer import systemd_units
from diracmq_cli.wiring.rendering import BUNDLE

if TYPE_CHECKING:
    from diracmq_cli.wiring.console import Console

_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOptions:
    """The flags of ``broker trust``; without ``node`` the one that this host's RabbitMQ has by default is meant."""

    out: Path
    ca_directory: Path
    certificate: Path | None = None
    node: str | None = None
    reload: bool = True


def run_trust(options: TrustOptions, console: Console) -> None:
    """Write the two files, let the broker read the bundle again, and say what has changed and what will soon end.

    The broker is asked even if nothing has changed: it may have been down the last time, and its host certificate is
    read again too. The signing policies it sees itself, and so the CRLs.

    Raises:
        ConfigError: the CA directory cannot be used, or there is no RabbitMQ here.
        OutputError: a file cannot be written.
        BrokerUnreachable: the node does not answer; the files are written.
    """
    now = time.time()
    authorities = read_authorities(options.ca_directory, now=now)
    terms = signing_terms(authorities)
    before = _names(options.out / BUNDLE)
    with staging(options.out) as scratch:
        write_files(scratch, {BUNDLE: authorities.bundle, POLICIES: terms.text}, secret=frozenset())
        deliver(scratch, options.out)
    concerns = [*authorities.left_out, *terms.faults, *_ending(options, authorities, now)]
    for text in concerns:
        console.talk.warning(text)
    after = {authority.dn for authority in authorities.trusted}
    if options.reload:
        node = options.node or _default_node()
        # ssl keeps the bundle in memory as long as any connection lives that was accepted by it.
        Rabbitmqctl(find_rabbitmq(), node, timeout=_TIMEOUT).evaluate("ssl:clear_pem_cache(),\n", "true")
    row = {
        "authorities": len(after),
        "added": sorted(after - before),
        "removed": sorted(before - after),
        "concerns": concerns,
        "reloaded": options.reload,
    }
    console.writer.write(console.look.encode((dumps(row) if console.json else "\n".join(_lines(row))) + "\n"))
    console.writer.flush()


def print_timer(options: TrustOptions, console: Console) -> None:
    """Write systemd units that do the same daily."""
    command = [_program(), "broker", "trust", "--out", str(options.out), "--ca-dir", str(options.ca_directory)]
    if options.certificate is not None:
        command += ["--host-cert", str(options.certificate)]
    if options.node is not None:
        command += ["--node", options.node]
    console.writer.write(console.look.encode(systemd_units(command)))
    console.writer.flush()


def _ending(options: TrustOptions, authorities: Authorities, now: float) -> Iterator[str]:
    yield from expiring_crls(options.ca_directory, authorities, now=now)
    if options.certificate is not None:
        yield from expiring_certificate(options.certificate, now=now)


def _names(bundle: Path) -> set[str]:
    """Whose certificates an earlier bundle holds; it names each in a comment."""
    if not bundle.exists():
        return set()
    lines = bundle.read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.removeprefix("# ") for line in lines if line.startswith("# /")}


def _lines(row: dict[str, object]) -> Iterator[str]:
    for word in ("added", "removed"):
        names = row[word]
        assert isinstance(names, list)
        yield from (f"{word}\t{name}" for name in names)
    yield f"authorities\t{row['authorities']}"


def _default_node() -> str:
    """As RabbitMQ's own scripts name it."""
    return os.environ.get("RABBITMQ_NODENAME") or f"rabbit@{platform.node().split('.')[0]}"


def _program() -> str:
    """``dirac-mq`` by its path: systemd searches none."""
    return str(Path(sys.argv[0]).absolute())

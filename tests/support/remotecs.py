"""Commands whose local CFG names configuration servers and little else; the servers know the devbroker's queues."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import diraccfg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.broker import Broker, Completed
from support.cfgs import write_cfg
from support.pki import PKI
from support.proxies import Holder

from diracmq_cli.devbroker.roles import HOST_DN

_ABOUT_ITSELF = f"""
DIRAC
{{
  Configuration
  {{
    Name = Test
    Version = 2026-11-24 01:02:03.000004
  }}
}}
Registry
{{
  DefaultGroup = dirac_user
  Hosts
  {{
    localhost
    {{
      DN = {HOST_DN}
    }}
  }}
}}
"""


def pki_of(broker: Broker) -> PKI:
    """The devbroker's CA, able to issue more."""
    layout = broker.layout
    certificate = x509.load_pem_x509_certificate((layout.ca / "cert.pem").read_bytes())
    key = cast(rsa.RSAPrivateKey, load_pem_private_key((layout.ca / "key.pem").read_bytes(), None))
    return PKI(layout.pki, layout.certificates, certificate, key)


def host_of(broker: Broker) -> Holder:
    """The certificate of ``localhost``."""
    return Holder(broker.layout.host_certificate, broker.layout.host_key)


def text_of(broker: Broker, more: str = "") -> str:
    """The CFG that the servers hold: the devbroker's own, what a server says of itself, and ``more`` over both."""
    merged = diraccfg.CFG().loadFromBuffer(broker.layout.cfg.read_text())
    for text in (_ABOUT_ITSELF, more):
        merged = merged.mergeWith(diraccfg.CFG().loadFromBuffer(text))
    return str(merged)


@dataclass(frozen=True)
class Site:
    """A user's machine: a local CFG, which names servers, and a cache of its own in ``directory``."""

    broker: Broker
    directory: Path

    def configure(self, *urls: str, local: str = "") -> None:
        """Write the local CFG: the servers, and whatever is local beside them."""
        servers = f"DIRAC\n{{\nConfiguration\n{{\nServers = {', '.join(urls)}\n}}\n}}\n" if urls else ""
        write_cfg(self.directory, servers + local, "local.cfg")

    def run(self, *argv: str, role: str = "user", timeout: float = 60, **environment: str) -> Completed:
        """Run a command there."""
        return self.broker.command(list(argv), role, timeout=timeout, **{**self.environment, **environment})

    @property
    def environment(self) -> dict[str, str]:
        """What differs from the devbroker's environment."""
        return {"DIRACSYSCONFIG": str(self.directory / "local.cfg"), "XDG_CACHE_HOME": str(self.directory / "cache")}

    @property
    def copy(self) -> Path:
        """The copy of the CS."""
        (path,) = (self.directory / "cache" / "dirac-mq").glob("cs-*.cfg")
        return path

"""Asking configuration servers as a command does, with a credential from files and a CFG that names the servers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from support.cfgs import write_cfg
from support.pki import PKI

from diracmq_cli.config import ConfigurationService, Credential, LocalSources, RemoteAccess


def client_context(pki: PKI, proxy: Path) -> ssl.SSLContext:
    """What ``credentials.tls_context`` makes, without its look at the credential: servers are to judge it here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(capath=str(pki.ca_directory))
    context.load_cert_chain(proxy)
    return context


@dataclass
class Asker:
    """A command's surroundings: its cache, its local CFG; records how often the credential was needed and warnings."""

    directory: Path
    pki: PKI
    proxy: Path
    local: str = ""
    as_host: bool = False
    credentials: int = 0
    warnings: list[str] = field(default_factory=list)

    def service(self, *urls: str, max_age: float = 3600.0, timeout: float = 10.0) -> ConfigurationService:
        """A new command's view of the CS; ``urls`` are its configuration servers."""
        servers = f"DIRAC\n{{\nConfiguration\n{{\nServers = {', '.join(urls)}\n}}\n}}\n" if urls else ""
        files = [self._written(servers, "servers.cfg"), self._written(self.local, "local.cfg")]
        return ConfigurationService(self.sources(*files), self.access(max_age=max_age, timeout=timeout))

    def sources(self, *files: str) -> LocalSources:
        environment = {"XDG_CACHE_HOME": str(self.directory / "cache"), "DIRAC_ROOT_PATH": "/nonexistent"}
        return LocalSources(cfg_files=files, environment=environment)

    def access(self, *, max_age: float = 3600.0, timeout: float = 10.0) -> RemoteAccess:
        return RemoteAccess(self._credential, timeout=timeout, max_age=max_age, warn=self.warnings.append)

    def _written(self, text: str, name: str) -> str:
        path = self.directory / name
        return str(path) if path.exists() and path.read_text() == text else write_cfg(self.directory, text, name)

    def _credential(self) -> Credential:
        self.credentials += 1
        return Credential(client_context(self.pki, self.proxy), as_host=self.as_host)

"""Where everything of a devbroker is: one directory, its file names, and whether it is ours."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from diracmq_cli.devbroker.roles import Role


@dataclass(frozen=True, slots=True)
class Layout:
    """The files under ``directory`` (absolute). The CFG and the PKI are for people; ``broker`` is the broker's own."""

    directory: Path

    @property
    def cfg(self) -> Path:
        """What clients (and the devbroker itself) read; may be edited, takes effect at the next start."""
        return self.directory / "dirac.cfg"

    @property
    def server_cfg(self) -> Path:
        """The local CFG of a server that logs in with a password (mode 0600)."""
        return self.directory / "server.cfg"

    @property
    def lock(self) -> Path:
        """Held by whoever changes the devbroker. Its presence says that the directory is a devbroker's."""
        return self.directory / "devbroker.lock"

    @property
    def state(self) -> Path:
        """Ports, node name and process ids."""
        return self.directory / "state.json"

    @property
    def pki(self) -> Path:
        """Certificates, keys and proxies."""
        return self.directory / "pki"

    @property
    def ca(self) -> Path:
        """The certification authority's own files."""
        return self.pki / "ca"

    @property
    def certificates(self) -> Path:
        """The CA directory as the grid has it (``X509_CERT_DIR``)."""
        return self.pki / "certificates"

    @property
    def host_certificate(self) -> Path:
        """Certificate of the host ``localhost``."""
        return self.pki / "hostcert.pem"

    @property
    def host_key(self) -> Path:
        """Its key."""
        return self.pki / "hostkey.pem"

    @property
    def broker(self) -> Path:
        """What belongs to the broker's user: HOME, configuration, data, logs."""
        return self.directory / "broker"

    def certificate(self, role: Role) -> Path:
        """The certificate of that role."""
        return self.pki / f"{role}.cert.pem"

    def key(self, role: Role) -> Path:
        """Its key."""
        return self.pki / f"{role}.key.pem"

    def proxy(self, role: Role) -> Path:
        """Its RFC 3820 proxy: certificate, key, chain."""
        return self.pki / f"{role}.proxy.pem"

    @property
    def everything(self) -> tuple[Path, ...]:
        """All that a purge removes; the lock comes last, because it says whose the directory is."""
        return (self.broker, self.pki, self.cfg, self.server_cfg, self.state, self.lock)


def default_directory() -> Path:
    """``$XDG_STATE_HOME/dirac-mq/devbroker``, or the same under ``~/.local/state``.

    Raises:
        UsageError: there is no home directory.
    """
    state_home = os.environ.get("XDG_STATE_HOME", "")
    if state_home.startswith("/"):  # the XDG specification: a relative path is to be ignored
        return Path(state_home, "dirac-mq", "devbroker")
    if not os.environ.get("HOME", "").startswith("/"):
        raise UsageError("there is no home directory to keep a devbroker in", hint="name a directory with --dir DIR")
    return Path(os.environ["HOME"], ".local", "state", "dirac-mq", "devbroker")


def open_layout(directory: Path) -> Layout | None:
    """The devbroker in ``directory``, or None when nothing is there yet (no such directory, or an empty one).

    Raises:
        ConfigError: the directory is somebody else's, or holds other things.
    """
    layout = Layout(directory.absolute().resolve())
    try:
        status = layout.directory.stat()
        names = {path.name for path in layout.directory.iterdir()}
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot use {layout.directory}: {error.strerror}", hint="name another --dir") from error
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"{layout.directory} belongs to uid {status.st_uid}, not to you", hint="name a directory of your own"
        )
    if layout.lock.name in names:
        return layout
    if names:
        raise ConfigError(
            f"{layout.directory} is not a devbroker's and holds other things", hint="name a new or empty --dir"
        )
    return None

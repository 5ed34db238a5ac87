"""Find the RabbitMQ that is installed on this machine, and call nothing of Debian's wrapper."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.errors import ConfigError

_PLACES = ("/usr/lib/rabbitmq/lib", "/usr/local/lib/rabbitmq/lib", "/opt/rabbitmq", "/opt")
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True, slots=True)
class Installation:
    """One unpacked RabbitMQ: its home (the directory that holds ``sbin`` and ``plugins``) and version."""

    home: Path
    version: tuple[int, ...]

    @property
    def server(self) -> Path:
        """The start script proper; Debian's ``/usr/sbin/rabbitmq-server`` changes user and must not be called."""
        return self.home / "sbin" / "rabbitmq-server"

    @property
    def control(self) -> Path:
        """``rabbitmqctl`` proper, which works as any user."""
        return self.home / "sbin" / "rabbitmqctl"

    @property
    def plugins(self) -> Path:
        """The plugins that come with it."""
        return self.home / "plugins"

    def __str__(self) -> str:
        return "RabbitMQ " + ".".join(map(str, self.version))


def find_rabbitmq(home: Path | None = None) -> Installation:
    """Find the newest RabbitMQ installed, or the one at ``home`` or ``$RABBITMQ_HOME``.

    Raises:
        ConfigError: there is none; the hint names the package.
    """
    named = home or (Path(os.environ["RABBITMQ_HOME"]) if os.environ.get("RABBITMQ_HOME") else None)
    candidates = [named] if named else [path for place in _PLACES for path in Path(place).glob("rabbitmq_server-*")]
    found = [Installation(path, _version(path)) for path in candidates if (path / "sbin/rabbitmq-server").is_file()]
    if not found:
        where = f"in {named}" if named else "on this machine"
        raise ConfigError(f"there is no rabbitmq-server {where}", hint="apt-get install rabbitmq-server")
    return max(found, key=lambda installation: installation.version)


def find_program(name: str, package: str) -> Path:
    """Find ``name`` on the PATH or where Debian puts it.

    Raises:
        ConfigError: it is not there; the hint names the ``package``.
    """
    path = shutil.which(name, path=search_path())
    if path is None:
        raise ConfigError(f"there is no {name} on this machine", hint=f"apt-get install {package}")
    return Path(path)


def search_path() -> str:
    """PATH, with the system's own directories after it: a cleared PATH does not hide Erlang."""
    return os.pathsep.join((*filter(None, [os.environ.get("PATH")]), *_SYSTEM_PATH))


def _version(home: Path) -> tuple[int, ...]:
    """The version that stands in the name of the core plugin's directory, whatever ``home`` is called."""
    for plugin in home.glob("plugins/rabbit-*"):
        match = re.fullmatch(r"rabbit-(\d+(?:\.\d+)*).*", plugin.name)
        if match:
            return tuple(map(int, match[1].split(".")))
    return ()

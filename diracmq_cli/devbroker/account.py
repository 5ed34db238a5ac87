"""The user that the broker runs as, and a place that this user can reach."""

from __future__ import annotations

import os
import pwd
import re
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.devbroker.files import make_directory
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.devbroker.layout import Layout

UNPRIVILEGED = "nobody"
"""Whom root becomes. Not ``rabbitmq``: a system broker's cookie and data are that user's."""

AREAS = Path("/var/tmp")  # noqa: S108 - a place that survives reboots; mkdtemp makes the name
AREA_PREFIX = "dirac-mq-devbroker-"

_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True, slots=True)
class Account:
    """A user id and group id to run as."""

    uid: int
    gid: int

    @property
    def is_caller(self) -> bool:
        """Whether nothing has to change."""
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Give ``path`` to this account."""
        if not self.is_caller:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def obstacle(self, directory: Path) -> str | None:
        """Why a broker of this account cannot live in ``directory``, or None."""
        if not _PLAIN.fullmatch(str(directory)):
            return f"{directory} has characters that RabbitMQ's scripts and files may not take"
        closed = [path for path in (directory, *directory.parents) if not path.stat().st_mode & stat.S_IXOTH]
        if closed and not self.is_caller:
            return f"user {UNPRIVILEGED} may not enter {closed[-1]}"
        return None


def broker_account() -> Account:
    """The caller, or an unprivileged user when the caller is root.

    Raises:
        ConfigError: root has nobody to become.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise ConfigError(f"root runs no broker and there is no user {UNPRIVILEGED} to run it") from None
    return Account(entry.pw_uid, entry.pw_gid)


def make_area(layout: Layout, account: Account, say: Callable[[str], None]) -> None:
    """Make ``DIR/broker`` and ``DIR/pki/certificates`` where the broker's user can reach them.

    A directory under ``/root``, or one that ``mktemp -d`` made, is closed to the user that root becomes, and names with
    spaces or quotes keep RabbitMQ 3.10.8 from answering. Then the two are links to a directory under ``/var/tmp``.
    """
    make_directory(layout.directory, stat.S_IMODE(layout.directory.stat().st_mode) | 0o711)
    make_directory(layout.pki)
    area = layout.directory
    obstacle = account.obstacle(layout.directory)
    if obstacle is not None:
        if layout.broker.exists() and layout.certificates.exists():
            return
        area = Path(tempfile.mkdtemp(prefix=AREA_PREFIX, dir=AREAS))
        say(f"{obstacle}, so the broker's own files go to {area}")
        area.chmod(0o711)
        for link in (layout.broker, layout.certificates):
            link.unlink(missing_ok=True)
            link.symlink_to(area / link.name)
    for place in (layout.broker, layout.certificates):
        make_directory(area / place.name if place.is_symlink() else place)


def area_of(layout: Layout) -> Path | None:
    """The directory outside DIR that ``make_area`` made, or None."""
    if not layout.broker.is_symlink():
        return None
    area = layout.broker.readlink().parent
    return area if area.parent == AREAS and area.name.startswith(AREA_PREFIX) else None

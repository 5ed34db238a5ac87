"""The Configuration Service as one command sees it: local files first, the servers only when those do not suffice.

A name that the local files resolve costs no request, nor even a look at the credential. What the servers said is kept
(``remote.snapshot``), and so is what was read from files and servers (``cache``).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from diracmq_cli.config.cache import ExtractCache, State
from diracmq_cli.config.names import NameFile
from diracmq_cli.config.remote.copy import RemoteCopy, RemoteText
from diracmq_cli.config.remote.snapshot import Head
from diracmq_cli.config.storage import Storage, cache_directory
from diracmq_cli.core.cached import cached_property
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import ConfigError, CSUnreachable, HostUnknown, MQError, UnknownDestination

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration
    from diracmq_cli.config.extract import Extract
    from diracmq_cli.config.remote.access import RemoteAccess
    from diracmq_cli.config.sources import LocalSources
    from diracmq_cli.core.model import MessagingModel

T = TypeVar("T")

_PAUSE = 300.0
"""Seconds between attempts to renew a copy (DIRAC's RefreshTime): a CS that is away delays no more than that."""

_AWAY = (CSUnreachable, HostUnknown)
_MISSING = (UnknownDestination, ConfigError)
"""What a model raises that may yet be found, or found whole, in a fuller one."""


class ConfigurationService:
    """Local files, and over the network what they do not say."""

    def __init__(self, sources: LocalSources, access: RemoteAccess) -> None:
        self._sources = sources
        self._access = access
        self._storage = Storage(cache_directory(sources.environment))
        self._cache = ExtractCache(self._storage, sources)
        self._merged: Extract | None = None
        self._remote: RemoteText | Head | None = None
        self._stale = False

    @cached_property
    def local(self) -> Extract:
        """What the local files say.

        Raises:
            UsageError, ConfigError: as ``load_configuration``.
        """
        state = self._cache.state()
        return self._cache.load(state) or self._read(self._local_configuration, state)

    @property
    def current(self) -> Extract:
        """What is known so far: the local files, and the CS if it was needed."""
        return self.local if self._merged is None else self._merged

    @property
    def stale(self) -> bool:
        """Whether ``current`` comes from a copy of the CS that is older than was asked for."""
        return self._stale

    @property
    def origin(self) -> tuple[str, float] | None:
        """The server whose CS is part of ``current``, and how many seconds ago it said so; None when it is not."""
        if self._remote is None:
            return None
        head = self._copy.head()
        return self._remote.server, 0.0 if head is None else max(0.0, head.age)

    def find(self, look: Callable[[MessagingModel], T]) -> T:
        """What ``look`` finds in the local files or, when it does not, in the CS.

        Args:
            look: raises UnknownDestination or ConfigError when a model does not have it, or not all of it.

        Raises:
            UnknownDestination, ConfigError: it is nowhere.
            AccessError, CSUnreachable, HostUnknown: it is not in the local files, and the CS cannot be asked.
        """
        local = self.local
        try:
            return look(local.model)
        except _MISSING as error:
            if not local.servers:
                raise
            missing: MQError = error
        try:
            everything = self.everything()
        except MQError as error:
            raise _both(missing, error) from error
        try:
            return look(everything.model)
        except _MISSING as error:
            if not self._stale:
                raise
            missing = error
        try:  # the copy is old, and what it lacks may be new
            everything = self._ask()
        except _AWAY as error:
            self._access.warn(f"{error}; looked in {self._copy_of()}")
            raise missing from error
        except MQError as error:
            raise _both(missing, error) from error
        return look(everything.model)

    def everything(self) -> Extract:
        """Local files over the CS: its copy if there is one (``renew`` makes a stale one new), else asked for.

        Raises:
            AccessError, ConfigError, CSUnreachable, HostUnknown: there is no copy, and the servers gave none.
        """
        if self._merged is not None or not self.local.servers:
            return self.current
        head = self._copy.head()
        if head is not None and self._access.max_age > 0:
            self._stale = not head.is_fresh(self._access.max_age)
            kept = self._from(head)
            if kept is not None:
                return kept
        try:
            return self._ask()
        except _AWAY as error:
            kept = None if head is None else self._from(head)
            if kept is None:
                raise
            self._stale = True
            self._access.warn(f"{error}; using {self._copy_of()}")
            return kept

    def configuration(self) -> Configuration:
        """The whole tree behind ``current``, for what an extract does not hold (``/Registry``, places of options).

        Raises:
            MQError: as ``everything``.
        """
        if isinstance(self._remote, Head):
            self._remote = self._copy.kept(self._remote) or self._ask_copy()
        return self._local_configuration if self._remote is None else self._over(self._remote)

    def renew(self, timeout: float) -> None:
        """Make the copy new if this command was served a stale one; to be called when the work is done.

        Never raises. It waits for servers no longer than ``timeout`` seconds, and reads what is new (a second for each
        megabyte), so that the next command need not. Where it fails, no command tries for five minutes.
        """
        if not self._stale or not self._copy.may_try(_PAUSE):
            return
        try:
            self._take(self._copy.ask(timeout))
        except MQError as error:
            self._access.warn(f"{error}; used {self._copy_of()}")

    def keep_names(self) -> None:
        """Keep the names of what this command could find, for completions; to be called when the work is done.

        Options and files of the command line are for one command, and completions do not see them. Never raises.
        """
        if self._sources.options or self._sources.cfg_files or "local" not in vars(self):
            return
        head = self._copy.head() if self.local.servers else None
        state = self._cache.state("" if head is None else head.identity)
        identity = f"{zlib.crc32(repr(state).encode('utf-8', 'surrogatepass')):08x}"
        names = NameFile(self._storage)
        if names.is_of(identity):
            return
        extract = self.current if head is None else self._merged or self._cache.load(state)
        if extract is not None:  # None: a command that has to read the copy will tell
            names.write(identity, extract.model)

    @cached_property
    def _local_configuration(self) -> Configuration:
        from diracmq_cli.config.loading import load_configuration

        return load_configuration(self._sources)

    @cached_property
    def _copy(self) -> RemoteCopy:
        return self._copy_for(self.local)

    def _copy_for(self, local: Extract) -> RemoteCopy:
        return RemoteCopy(local.servers, vo=local.vo, setup=local.setup, storage=self._storage, access=self._access)

    def _copy_of(self) -> str:
        head = self._copy.head()
        return "no copy" if head is None else f"the copy of {format_duration(max(0.0, head.age))} ago"

    def _from(self, head: Head) -> Extract | None:
        """The merged extract by the copy that ``head`` describes; None when that is damaged."""
        self._merged = self._cache.load(self._cache.state(head.identity))
        if self._merged is not None:
            self._remote = head
            return self._merged
        remote = self._copy.kept(head)
        return None if remote is None else self._use(remote)

    def _ask(self) -> Extract:
        return self._take(self._ask_copy())

    def _ask_copy(self) -> RemoteText:
        return self._copy.ask(self._access.timeout, self._access.wake_fd)

    def _take(self, remote: RemoteText) -> Extract:
        """Go on with what the servers have just said."""
        self._stale = False
        if self._remote is None or self._remote.identity != remote.identity:
            for warning in self._use(remote).warnings:
                self._access.warn(warning)
        return self.current

    def _use(self, remote: RemoteText) -> Extract:
        self._remote = remote
        state = self._cache.state(remote.identity)
        self._merged = self._cache.load(state) or self._read(self._over(remote), state, settled=self.local)
        return self._merged

    def _over(self, remote: RemoteText) -> Configuration:
        from diracmq_cli.config.remote.overlay import overlay

        return overlay(self._local_configuration, remote.tree, remote.server)

    def _read(self, configuration: Configuration, state: State, *, settled: Extract | None = None) -> Extract:
        """Read an extract, and keep it. Where the credentials are was settled before any server was asked."""
        from diracmq_cli.config.reading import read_extract

        extract = read_extract(configuration)
        if settled is not None:
            extract = extract._replace(security=settled.security, servers=settled.servers)
        self._cache.save(state, extract)
        return extract


def _both(missing: MQError, error: MQError) -> MQError:
    """The error of a CS that cannot be asked for what is missing: either may be the mistake, and is to be read."""
    return type(error)(
        f"{missing}; the CS, which may know more, cannot be asked: {error}", hint=error.hint or missing.hint
    )

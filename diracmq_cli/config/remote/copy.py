"""What the CS says: from the copy that earlier commands have kept, or from the servers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from diracmq_cli.config.remote.snapshot import Head, Snapshot, digest_of, identity
from diracmq_cli.core.cached import cached_property
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.config.remote.access import RemoteAccess
    from diracmq_cli.config.remote.serverlist import ServerList
    from diracmq_cli.config.storage import Storage
    from diracmq_cli.config.tree import Section

_log = logging.getLogger(__name__)


class RemoteText:
    """A CS's CFG without passwords; ``server`` gave it, ``identity`` tells it from others."""

    def __init__(self, text: str, server: str, identity: str) -> None:
        self._text = text
        self.server = server
        self.identity = identity

    @cached_property
    def tree(self) -> Section:
        """What it says; to parse it takes a second for each megabyte.

        Raises:
            ConfigError: it is no CFG.
        """
        from diracmq_cli.config.cfgfile import parse_cfg

        return parse_cfg(self._text, self.server)


class RemoteCopy:
    """One CS, by its servers, as one VO sees it."""

    def __init__(
        self, servers: ServerList, *, vo: str | None, setup: str | None, storage: Storage, access: RemoteAccess
    ) -> None:
        self._servers = servers
        self._vo, self._setup = vo or "unknown", setup or "None"  # what DIRAC's own clients say
        self._access = access
        self._snapshot = Snapshot(storage, servers.urls, self._vo, self._setup)

    def head(self) -> Head | None:
        """What is kept, without reading it; None when nothing is."""
        return self._snapshot.head()

    def kept(self, head: Head) -> RemoteText | None:
        """The copy that ``head`` describes; None when it is damaged."""
        text = self._snapshot.text(head)
        if text is None:
            _log.info("the copy of the CS is damaged, and ignored")
        return None if text is None else RemoteText(text, head.server, head.identity)

    def may_try(self, pause: float) -> bool:
        """See ``Snapshot.may_try``."""
        return self._snapshot.may_try(pause)

    def ask(self, timeout: float, wake_fd: int | None = None) -> RemoteText:
        """Ask the servers, and keep what is new. What is kept already is not sent again.

        Args:
            timeout: seconds for all of them.
            wake_fd: readable when we are asked to stop.

        Raises:
            CredentialError: there is no credential to ask with.
            AccessError, ConfigError, HostUnknown, CSUnreachable: as ``fetch``; also ConfigError: what comes is no CFG.
        """
        from diracmq_cli.config.remote.fetch import fetch
        from diracmq_cli.config.remote.redact import without_passwords
        from diracmq_cli.config.remote.request import Request
        from diracmq_cli.config.remote.servers import in_order

        servers = in_order(self._servers)
        head = self.head()
        kept = None if head is None else self.kept(head)
        credential = self._access.credential()
        answer = fetch(
            servers,
            Request(
                version="0" if head is None or kept is None else head.version,
                vo=self._vo,
                setup=self._setup,
                as_host=credential.as_host,
            ),
            context=credential.context,
            timeout=timeout,
            wake_fd=wake_fd,
        )
        if answer.text is None:
            if kept is None:
                raise ConfigError(f"{answer.server}: it has no configuration yet (version {answer.version})")
            self._snapshot.confirm()
            return kept
        text = without_passwords(answer.text)
        digest = digest_of(text)
        remote = RemoteText(text, answer.server, identity(answer.server, digest))
        _ = remote.tree  # only what can be read is kept
        self._snapshot.save(answer.version, answer.server, text, digest)
        return remote

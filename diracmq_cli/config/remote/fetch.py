"""Ask configuration servers one after the other until one has answered."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

from diracmq_cli.config.remote import dips, https
from diracmq_cli.config.remote.channel import Stopped, Wait, connect
from diracmq_cli.config.remote.failures import translate
from diracmq_cli.errors import AccessError, ConfigError, CSUnreachable, HostUnknown, MQError

if TYPE_CHECKING:
    import ssl

    from diracmq_cli.config.remote.answer import Reply
    from diracmq_cli.config.remote.request import Request
    from diracmq_cli.config.remote.servers import Server

_log = logging.getLogger(__name__)

_PROTOCOLS = {"https": https.ask, "dips": dips.ask}


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``server`` (its URL) said: the newest version, and its text unless ours is not older."""

    server: str
    version: str
    text: str | None


def fetch(
    servers: Sequence[Server],
    request: Request,
    *,
    context: ssl.SSLContext,
    timeout: float,
    wake_fd: int | None = None,
) -> Answer:
    """Ask ``servers`` in their order; each gets its share of the time, and the first good answer counts.

    Args:
        servers: see ``servers.in_order``.
        request: which version we have, and who we are.
        context: TLS with our certificate; it must verify the server's.
        timeout: seconds for all of it.
        wake_fd: readable when we are asked to stop.

    Raises:
        AccessError: a server refuses our credential, or its own certificate is not good (77).
        ConfigError: a server answers, and not as a Configuration/Server does (78).
        HostUnknown: no server's name resolves (68).
        CSUnreachable: no server answers (69).
        All of them name every server with its reason.
    """
    wait = Wait(timeout, wake_fd)
    failures: list[tuple[Server, MQError]] = []
    for place, server in enumerate(servers):
        try:
            reply = _ask(server, request, context, wait.share(len(servers) - place))
            text = None if reply.packed is None else reply.text()
        except Stopped:
            raise
        except MQError as error:
            _log.info("%s: %s", server.url, error)
            failures.append((server, error))
        else:
            _log.info("%s has version %s%s", server.url, reply.version, "" if text else ", which is not newer")
            return Answer(server.url, reply.version, text)
    raise _summary(failures) from failures[-1][1]


def _ask(server: Server, request: Request, context: ssl.SSLContext, wait: Wait) -> Reply:
    with contextlib.ExitStack() as close:
        channel = None
        try:
            channel = connect(server.host, wait)
            close.callback(channel.close)
            channel.shake_hands(context, server.host.host)
            return _PROTOCOLS[server.scheme](channel, server, request)
        except (OSError, EOFError, HTTPException) as error:
            raise translate(
                error, connected=channel is not None, heard=channel is not None and channel.heard
            ) from error


def _summary(failures: Sequence[tuple[Server, MQError]]) -> MQError:
    """One error for all servers, of the kind that says most: a refusal, a misconfiguration, then silence."""
    kind: type[MQError] = CSUnreachable
    if all(isinstance(error, HostUnknown) for _, error in failures):
        kind = HostUnknown
    for wanted in (ConfigError, AccessError):
        kind = next((type(error) for _, error in failures if isinstance(error, wanted)), kind)
    hint = next((error.hint for _, error in failures if isinstance(error, kind) and error.hint), None)
    reasons = "; ".join(f"{server.url}: {error}" for server, error in failures)
    return kind(reasons if len(failures) == 1 else f"no configuration server gave its data: {reasons}", hint=hint)

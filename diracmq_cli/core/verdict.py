"""Judge what is known of a message's origin: claimed by its sender, vouched for by the broker, or wrong.

The broker checks ``user_id`` against the login, but whoever may read one queue and write another can splice messages
between them, ``user_id`` and all. So a message counts as vouched for only when it also came the way that the CS
describes: through an exchange that feeds this queue, and, if it is a dead letter, through queues whose dead letters
end here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from diracmq_cli.core.model import MessagingModel, OriginLevel, QueueSpec
from diracmq_cli.core.moved import MOVED_HEADER, Movers, read_move
from diracmq_cli.core.publication import publication
from diracmq_cli.core.refusal import Distrust, Refusal
from diracmq_cli.core.stamp import REROUTING_HEADERS
from diracmq_cli.errors import VerificationError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.values import FieldValue, Text

_SERVER_LOGIN = re.compile(r"[a-z0-9_-]+")

NOBODY = Movers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a reader may believe. ``level`` is None when the message contradicts itself or the CS; ``reason`` says how,
    and ``code`` the same for programs (``core.refusal``).

    ``dn`` is the person's DN at that level (for ``claimed``: as claimed); ``user`` a server's login instead.
    ``moved_by`` is the login of the Mover who put it there, by whose word it is what it was before he did (for
    ``signed``: by whose word it is no replay).
    """

    level: OriginLevel | None
    dn: str | None = None
    user: str | None = None
    reason: str | None = None
    code: str | None = None
    moved_by: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The ways by which the CS lets messages reach one queue.

    ``feeds`` maps a queue's name to the exchanges that feed it: the queue itself, and every queue whose dead letters
    (in one step or several) end in it.
    """

    queue: str
    feeds: Mapping[str, frozenset[str]]

    @classmethod
    def to(cls, queue: QueueSpec, model: MessagingModel) -> Route:
        """The route to ``queue`` as ``model`` describes it."""
        feeds = {queue.name: queue.feeds}
        pending = [queue.name]
        while pending:
            target = pending.pop()
            for other in model.queues:
                if other.name in feeds or other.dead_letter_queue != target:
                    continue
                if other.service.same_broker(queue.service):
                    feeds[other.name] = other.feeds
                    pending.append(other.name)
        return cls(queue.name, feeds)


def judge(delivery: Delivery, route: Route, movers: Movers = NOBODY) -> Verdict:
    """Say what may be believed of a delivery's origin, up to level ``broker``.

    Never raises: whatever a publisher put into the headers leads to a verdict. What was moved by one of the ``movers``
    is judged as what it was before, by that mover's word; what anybody else says he has moved is wrong.
    """
    headers = delivery.message.headers
    claim = headers.get("dirac-dn")
    login = delivery.message.properties.user_id
    if delivery.defect is not None:
        return _wrong(Refusal.MALFORMED_MESSAGE, "malformed headers: " + delivery.defect)
    if any(name in headers for name in REROUTING_HEADERS):
        return _wrong(Refusal.REROUTING, "carries CC or BCC")
    if claim is not None and not isinstance(claim, str):
        return _wrong(Distrust.CLAIM_FORM, "dirac-dn is not a string")
    if MOVED_HEADER in headers:
        return _judge_moved(delivery, claim, route, movers)
    return _judge_sender(delivery, claim, login, route)


def _judge_sender(delivery: Delivery, claim: str | None, login: Text | None, route: Route) -> Verdict:
    if login is None:
        return Verdict(level=OriginLevel.CLAIMED, dn=claim)
    if not isinstance(login, str):
        return _wrong(Distrust.LOGIN_FORM, "user_id is not UTF-8")
    if claim is not None and claim != login:
        return _wrong(Distrust.IMPOSTURE, f"claims {claim} but was sent by {login}")
    detour = _detour(delivery, route)
    if detour is not None:
        return _wrong(Distrust.REROUTED, "rerouted: " + detour)
    if login.startswith("/"):
        return Verdict(level=OriginLevel.BROKER, dn=login)
    if _SERVER_LOGIN.fullmatch(login):
        return Verdict(level=OriginLevel.BROKER, user=login)
    return _wrong(Distrust.LOGIN_FORM, "user_id is neither a DN nor a server's login")


def _judge_moved(delivery: Delivery, claim: str | None, route: Route, movers: Movers) -> Verdict:
    move = read_move(delivery.message.headers[MOVED_HEADER])
    if move is None:
        return _wrong(Distrust.MOVED, "dirac-moved is not what a mover writes")
    try:
        queue = publication(delivery).queue
    except VerificationError as error:
        return _wrong(Distrust.REROUTED, f"rerouted: {error}")
    doubt = movers.doubt(move, delivery.message.properties.user_id, queue)
    if doubt is not None:
        return _wrong(Distrust.MOVED, doubt)
    if move.level is None:
        return _wrong(Distrust.MOVED, f"its origin was wrong already when {move.by} moved it")
    verdict = _judge_sender(delivery, claim, move.user_id, route)
    if verdict.level is None:
        return verdict
    if move.level is OriginLevel.CLAIMED:
        verdict = Verdict(level=OriginLevel.CLAIMED, dn=claim)
    return replace(verdict, moved_by=move.by)


def _wrong(code: StrEnum, reason: str) -> Verdict:
    return Verdict(level=None, reason=reason, code=code.value)


def _detour(delivery: Delivery, route: Route) -> str | None:
    """Why the way that this message came is not one that the CS describes, or None."""
    deaths = delivery.message.headers.get("x-death", [])
    if not isinstance(deaths, list):
        return "x-death is not a list"
    if delivery.exchange not in route.feeds[route.queue]:
        return f"came through exchange {str(delivery.exchange)!r}, which does not feed {route.queue}"
    for death in deaths:
        reason = _wrong_death(death, route)
        if reason is not None:
            return reason
    return None


def _wrong_death(death: FieldValue, route: Route) -> str | None:
    if not isinstance(death, dict):
        return "x-death holds something that is no table"
    queue, exchange = death.get("queue"), death.get("exchange")
    if not isinstance(queue, str) or queue not in route.feeds:
        return f"died in {queue!s}, whose dead letters do not lead here"
    if not isinstance(exchange, str) or exchange not in route.feeds[queue]:
        return f"reached {queue} through exchange {exchange!s}, which does not feed it"
    return None

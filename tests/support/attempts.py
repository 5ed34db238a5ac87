"""What somebody may try on a broker in AMQP, and what must come of it by the CS.

Each attempt says by the oracle alone which code the broker must refuse it with, None meaning that it is done. Whatever
is done is undone or harmless, so that one attempt does not decide another.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pika
from support.csoracle import Oracle

REFUSED = 403
NOT_FOUND = 404
LOCKED = 405
WRONG = 406
NOT_IMPLEMENTED = 540


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Who tries something, and on what: a queue and another, an exchange, somebody else's private queue."""

    login: str
    queue: str
    stream: bool
    other: str
    exchange: str
    private: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """``run`` does it on a channel; ``expected`` is the code of its refusal, or None.

    ``remains`` says that RabbitMQ may let through what no word of the CS grants.
    """

    name: str
    run: Callable[[Any, Case], object]
    expected: Callable[[Oracle, Case], int | None]
    remains: bool = field(default=False, kw_only=True)


def outcome(connection: Any, attempt: Attempt, case: Case) -> int | None:
    """Try it on a channel of its own; the connection is closed afterwards where the broker closes it (540)."""
    channel = connection.channel()
    try:
        attempt.run(channel, case)
        channel.close()
    except (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ConnectionClosedByBroker) as error:
        return int(error.reply_code)
    return None


def _if(allowed: bool, otherwise: int = REFUSED) -> int | None:
    return None if allowed else otherwise


def _never(_oracle: Oracle, _case: Case) -> int:
    return REFUSED


def _always(_oracle: Oracle, _case: Case) -> None:
    return None


def _takes(oracle: Oracle, case: Case) -> int | None:
    return _if(oracle.takes(case.login, case.queue))


def _takes_singly(oracle: Oracle, case: Case) -> int | None:
    """Whoever may take from a stream may not do so by get or purge, which streams do not have."""
    if oracle.takes(case.login, case.queue) and oracle.is_stream(case.queue):
        return NOT_IMPLEMENTED
    return _takes(oracle, case)


def _publishes(oracle: Oracle, case: Case) -> int | None:
    return _if(oracle.publishes(case.login, case.queue))


def _tails_anything(oracle: Oracle, case: Case) -> int | None:
    return _if(oracle.tails_anything(case.login))


def _publish(channel: Any, exchange: str, key: str = "a.k", **properties: Any) -> None:
    channel.confirm_delivery()
    with suppress(pika.exceptions.NackError):  # a full queue takes no more, but he may
        channel.basic_publish(exchange, key, b"x", pika.BasicProperties(**properties))


def _consume(channel: Any, case: Case) -> None:
    channel.basic_qos(prefetch_count=1)  # streams ask for it
    channel.basic_consume(case.queue, lambda *_: None, arguments={"x-stream-offset": "next"} if case.stream else None)


def _tail(channel: Any, exchange: str) -> None:
    private = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(private, exchange, "#")
    channel.queue_delete(private)


def _bind(channel: Any, destination: str, source: str) -> None:
    channel.exchange_bind(destination, source, "#")
    channel.exchange_unbind(destination, source, "#")


def _declare(channel: Any, **options: Any) -> None:
    channel.queue_delete(channel.queue_declare("", **options).method.queue)


def _dead_letters(channel: Any, exchange: str, **more: str) -> None:
    _declare(channel, exclusive=True, arguments={"x-dead-letter-exchange": exchange, **more})


ATTEMPTS: tuple[Attempt, ...] = (
    # What the CS has words for.
    Attempt("publish", lambda ch, c: _publish(ch, f"{c.queue}.x", user_id=c.login), _publishes),
    Attempt("get", lambda ch, c: ch.basic_get(c.queue), _takes_singly),
    Attempt("purge", lambda ch, c: ch.queue_purge(c.queue), _takes_singly),
    Attempt("consume", _consume, _takes),
    Attempt("tail", lambda ch, c: _tail(ch, f"{c.queue}.tap"), lambda o, c: _if(o.tails(c.login, c.queue))),
    Attempt(
        "publish to an exchange",
        lambda ch, c: _publish(ch, c.exchange, user_id=c.login),
        lambda o, c: _if(o.publishes_to(c.login, c.exchange)),
    ),
    Attempt(
        "tail an exchange",
        lambda ch, c: _tail(ch, c.exchange),
        lambda o, c: _if(o.tails_exchange(c.login, c.exchange)),
    ),
    # Nobody's, whatever he may.
    Attempt(
        "publish under another name",
        lambda ch, c: _publish(ch, f"{c.queue}.x", user_id="/CN=Nobody"),
        lambda o, c: WRONG if o.publishes(c.login, c.queue) else REFUSED,
    ),
    Attempt("publish to a tap", lambda ch, c: _publish(ch, f"{c.queue}.tap"), _never),
    Attempt("publish to the default exchange", lambda ch, c: _publish(ch, "", c.queue), _never),
    Attempt("publish to amq.topic", lambda ch, c: _publish(ch, "amq.topic"), _never),
    Attempt("unbind a queue", lambda ch, c: ch.queue_unbind(c.queue, f"{c.queue}.x", "#"), _never),
    Attempt("unbind a queue from an exchange", lambda ch, c: ch.queue_unbind(c.queue, c.exchange, "#"), _never),
    Attempt("bind a queue to another's exchange", lambda ch, c: ch.queue_bind(c.queue, f"{c.other}.x", "#"), _never),
    Attempt("bind a queue to another's tap", lambda ch, c: ch.queue_bind(c.queue, f"{c.other}.tap", "#"), _never),
    Attempt("bind a queue to an exchange", lambda ch, c: ch.queue_bind(c.queue, c.exchange, "#"), _never),
    Attempt("tail what publishers write", lambda ch, c: _tail(ch, f"{c.queue}.x"), _never),
    Attempt("bind exchange to exchange", lambda ch, c: _bind(ch, f"{c.queue}.x", f"{c.other}.x"), _never),
    Attempt("bind tap to exchange", lambda ch, c: _bind(ch, f"{c.queue}.tap", f"{c.other}.x"), _never),
    Attempt("bind tap to tap", lambda ch, c: _bind(ch, f"{c.queue}.tap", f"{c.other}.tap"), _never),
    Attempt("blind a tap", lambda ch, c: ch.exchange_unbind(f"{c.queue}.tap", f"{c.queue}.x", "#"), _never),
    Attempt("delete a queue", lambda ch, c: ch.queue_delete(c.queue), _never),
    Attempt("delete what publishers write", lambda ch, c: ch.exchange_delete(f"{c.queue}.x"), _never),
    Attempt("delete a tap", lambda ch, c: ch.exchange_delete(f"{c.queue}.tap"), _never),
    Attempt("delete an exchange", lambda ch, c: ch.exchange_delete(c.exchange), _never),
    Attempt("declare a queue", lambda ch, c: ch.queue_declare(f"{c.queue}.mine", durable=True), _never),
    Attempt("declare a queue that is there", lambda ch, c: ch.queue_declare(c.queue, durable=True), _never),
    Attempt("declare a queue that looks private", lambda ch, c: ch.queue_declare("amq.gen-mine"), _never),
    Attempt("declare an exchange", lambda ch, c: ch.exchange_declare(f"{c.queue}.mine", "topic"), _never),
    Attempt("dead letters by the default exchange",
            lambda ch, c: _dead_letters(ch, "", **{"x-dead-letter-routing-key": c.queue}), _never),
    Attempt("dead letters to a tap", lambda ch, c: _dead_letters(ch, f"{c.queue}.tap"), _never),
    # A private queue is its owner's connection's; others are told that it is locked, or refused.
    Attempt("get from somebody's private queue", lambda ch, c: ch.basic_get(c.private),
            lambda o, c: LOCKED if o.tails_anything(c.login) else REFUSED),
    Attempt("delete somebody's private queue", lambda ch, c: ch.queue_delete(c.private),
            lambda o, c: LOCKED if o.tails_anything(c.login) else REFUSED),
    # What remains: RabbitMQ lets it through though no word of the CS grants it.
    Attempt(
        # Readers see that these messages came through B.tap and show them as rerouted; diff reports the binding.
        "bind what he publishes to, to a tap that he watches",
        lambda ch, c: _bind(ch, f"{c.queue}.x", f"{c.other}.tap"),
        lambda o, c: _if(o.publishes(c.login, c.queue) and o.tails(c.login, c.other)),
        remains=True,
    ),
    Attempt(
        "bind what he publishes to, to an exchange that he watches",
        lambda ch, c: _bind(ch, f"{c.queue}.x", c.exchange),
        lambda o, c: _if(o.publishes(c.login, c.queue) and o.tails_exchange(c.login, c.exchange)),
        remains=True,
    ),
    Attempt(
        "bind an exchange that he publishes to, to a tap that he watches",
        lambda ch, c: _bind(ch, c.exchange, f"{c.queue}.tap"),
        lambda o, c: _if(o.publishes_to(c.login, c.exchange) and o.tails(c.login, c.queue)),
        remains=True,
    ),
    Attempt(
        # The same by another way: readers see the private queue in x-death.
        "dead letters to where he publishes",
        lambda ch, c: _dead_letters(ch, f"{c.queue}.x"),
        lambda o, c: _if(o.tails_anything(c.login) and o.publishes(c.login, c.queue)),
        remains=True,
    ),
    Attempt(
        # The policy dirac-mq-tail bounds and ends it.
        "declare a private queue that stays",
        lambda ch, c: _declare(ch, durable=True),
        _tails_anything,
        remains=True,
    ),
    # Until RabbitMQ 4.0 a passive declare asks for no permission, and tells everybody how much waits.
    Attempt("look at a queue", lambda ch, c: ch.queue_declare(c.queue, passive=True), _always, remains=True),
    Attempt("look at an exchange", lambda ch, c: ch.exchange_declare(c.exchange, passive=True), _always, remains=True),
    Attempt("look at what is not there", lambda ch, c: ch.queue_declare(f"{c.queue}.mine", passive=True),
            lambda o, c: NOT_FOUND, remains=True),
)  # fmt: skip

BY_NAME = {attempt.name: attempt for attempt in ATTEMPTS}

"""A broker for 200 people, 10 groups and 50 queues: what it allows is what the CS grants, and it follows the CS."""

from __future__ import annotations

import os
import random
import re
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pika
import pytest
from pika.exceptions import (
    AMQPConnectionError,
    ConnectionClosedByBroker,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
)
from support.attempts import ATTEMPTS, BY_NAME, REFUSED, Attempt, Case, outcome
from support.collaboration import PASSWORD as SERVER_PASSWORD
from support.collaboration import SERVERS, collaboration_cfg, people
from support.crowd import Crowd, crowd_of
from support.csoracle import Oracle, login_of
from support.managed import ACCOUNT, PASSWORD
from support.rendered import Rendered, rendered_broker

SEED = int(os.environ.get("DIRAC_MQ_TEST_SEED") or secrets.randbelow(10**6))
"""Of this run; what fails names it."""

PEOPLE = people(200)
MAX_CONNECTIONS = 3
SERVICE = {
    "Host": "localhost",
    "Port": "@PORT@",
    "VHost": "dirac",
    "ManagementURL": "https://localhost:@MANAGEMENT@",
    "ManagementUser": ACCOUNT,
    "ManagementPassword": PASSWORD,
    "MaxConnections": MAX_CONNECTIONS,
}


@dataclass
class Site:
    """The broker, the CFG that it follows, and everybody."""

    broker: Rendered
    crowd: Crowd

    @property
    def cfg(self) -> str:
        return self.broker.node.layout.cfg.read_text()

    @property
    def oracle(self) -> Oracle:
        return Oracle(self.cfg)

    def apply(self, cfg: str) -> str:
        """Make the broker as this CFG wants it; returns what the command said."""
        self.broker.node.layout.cfg.write_text(cfg)
        done = self.broker.apply("mq")
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A node that starts without users, as ``render`` has it, and then is given all by ``apply``."""
    with rendered_broker(collaboration_cfg(PEOPLE, SEED, SERVICE)) as broker, crowd_of(broker, PEOPLE) as crowd:
        site = Site(broker, crowd)
        broker.eval(
            f'rabbit_auth_backend_internal:put_user(#{{name => <<"{ACCOUNT}">>, password => <<"{PASSWORD}">>, '
            'tags => <<"administrator">>}, <<"test">>)'
        )
        begun = time.monotonic()
        said = site.apply(site.cfg)
        took = time.monotonic() - begun
        sys.stdout.write(f"seed {SEED}: {len(said.splitlines())} changes applied in {took:.1f} s\n")
        yield site


def sample(oracle: Oracle, logins: Sequence[str], private: str, count: int) -> Iterator[tuple[Attempt, Case]]:
    """All attempts in turn; who, and on what, is drawn at random, in every second round somebody who may do it if there
    is one.
    """
    dice = random.Random(SEED)
    queues, exchanges = list(oracle.queues), list(oracle.exchanges)

    def case() -> Case:
        queue, other = dice.sample(queues, 2)
        return case_of(oracle, dice.choice(logins), queue, other, dice.choice(exchanges), private)

    for number in range(count):
        turn, place = divmod(number, len(ATTEMPTS))
        attempt, drawn = ATTEMPTS[place], case()
        for _ in range(1000):
            if (attempt.expected(oracle, drawn) is None) == (turn % 2 == 0):
                break
            drawn = case()
        yield attempt, drawn


def case_of(oracle: Oracle, login: str, queue: str, other: str = "", exchange: str = "", private: str = "") -> Case:
    return Case(
        login=login, queue=queue, stream=oracle.is_stream(queue), other=other, exchange=exchange, private=private
    )


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.soak)])
def test_what_the_broker_allows_is_what_the_cs_grants(site: Site, count: int) -> None:
    """Each of a random sample of (person or server, attempt, queue) ends as the CFG's text says, to the very code."""
    oracle, logins = site.oracle, site.crowd.logins
    mine = site.crowd.new_connection(next(login for login in logins if oracle.tails_anything(login)))
    private = mine.channel().queue_declare("", exclusive=True).method.queue
    wrong, done, refused = [], set(), set()
    for attempt, case in sample(oracle, logins, private, count):
        expected = attempt.expected(oracle, case)
        found = outcome(site.crowd.connection(case.login), attempt, case)
        (done if found is None else refused).add(attempt.name)
        if found != expected:
            wrong.append(f"{attempt.name}: {found} instead of {expected} for {case}")
    mine.close()
    assert not wrong, f"seed {SEED}: " + "\n".join(wrong)
    assert done | refused == BY_NAME.keys()
    assert done - refused == {"look at a queue", "look at an exchange"}, f"seed {SEED}: these were never refused"
    assert {attempt.name for attempt in ATTEMPTS if attempt.remains} - done == {"look at what is not there"}
    assert site.broker.apply("mq", "--dry-run", "--prune").stdout == "", "an attempt has left something behind"


def test_who_loses_a_right_is_disconnected_and_nobody_else(site: Site) -> None:
    """Of 200 people and two servers with open connections, the one whose right was taken away is thrown out within 5 s,
    and nobody else. He may not do it any more; what else he may, he may still.
    """
    before = site.oracle
    loser, queue, cfg = one_consumer_less(site.cfg)
    open_ones = {login: site.crowd.connection(login) for login in site.crowd.logins}
    rows = site.apply(cfg).splitlines()
    ended = time.monotonic()
    assert len(rows) == 1, rows
    with pytest.raises(ConnectionClosedByBroker, match="rights changed"):
        serve(open_ones.pop(loser), ended + 5)
    for connection in open_ones.values():
        connection.channel().close()
    assert len(open_ones) == len(PEOPLE) + len(SERVERS) - 1
    after, case = site.oracle, case_of(before, loser, queue)
    assert (BY_NAME["get"].expected(before, case), BY_NAME["get"].expected(after, case)) == (None, REFUSED)
    for name in ("get", "consume", "publish", "tail"):
        attempt = BY_NAME[name]
        assert outcome(site.crowd.connection(loser), attempt, case) == attempt.expected(after, case), name


def serve(connection: pika.BlockingConnection, until: float) -> None:
    """Let a connection do what it has to do; it hands back control whenever something has come."""
    while time.monotonic() < until:
        connection.process_data_events(0.1)


def one_consumer_less(cfg: str) -> tuple[str, str, str]:
    """Somebody who may take from a queue only because its Consumers name his DN; the queue; the CFG without that."""
    oracle = Oracle(cfg)
    for queue in (queue for queue in oracle.queues if not oracle.is_stream(queue)):
        found = re.search(rf"(?m)^{re.escape(queue)}\n\{{\n[^}}]*^Consumers = (.*)$", cfg)
        for person in PEOPLE if found else ():
            before, name, behind = f", {found[1]}, ".partition(f", {person.dn}, ")
            left = ", ".join(part.strip(", ") for part in (before, behind) if part.strip(", "))
            without = cfg[: found.start(1)] + left + cfg[found.end(1) :]
            if name and not Oracle(without).takes(login_of(person.dn), queue):
                return login_of(person.dn), queue, without
    raise AssertionError(f"seed {SEED}: there is nobody of whom that can be said")


def test_a_restart_brings_no_right_back(site: Site) -> None:
    """What apply took away the node's own start does not bring back, and what it gave is there."""
    loser, queue, cfg = one_consumer_less(site.cfg)
    site.apply(cfg)
    site.crowd.close()
    site.broker.kill()
    site.broker.start()
    assert site.broker.apply("mq", "--dry-run", "--prune").stdout == ""
    assert outcome(site.crowd.connection(loser), BY_NAME["get"], case_of(site.oracle, loser, queue)) == REFUSED


def test_who_is_no_user_does_not_get_in(site: Site) -> None:
    """A good certificate of somebody whom the CS does not name; a server with a wrong password or without certificate;
    guest, who is not there at all.
    """
    with pytest.raises(ProbableAuthenticationError):
        site.broker.client("stranger")
    for wrong in (pika.PlainCredentials(SERVERS[0], "guess"), pika.PlainCredentials("guest", "guest")):
        with pytest.raises(ProbableAuthenticationError):
            site.broker.client("host", wrong)
    with pytest.raises((IncompatibleProtocolError, AMQPConnectionError)):
        site.broker.client(None, pika.PlainCredentials(SERVERS[0], SERVER_PASSWORD.format(SERVERS[0])))
    assert site.broker.eval('rabbit_auth_backend_internal:exists(<<"guest">>)') == "false"


def test_connections_of_a_user_are_limited(site: Site) -> None:
    """One more than MaxConnections is refused; somebody else still gets in."""
    site.crowd.close()
    one, other = site.crowd.logins[:2]
    open_ones = [site.crowd.new_connection(one) for _ in range(MAX_CONNECTIONS)]
    try:
        with pytest.raises((ConnectionClosedByBroker, AMQPConnectionError), match="limit"):
            site.crowd.new_connection(one)
        open_ones.append(site.crowd.new_connection(other))
    finally:
        for connection in open_ones:
            connection.close()

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fieldvalues import properties, short, tables, values
from support.specs import OTHER_SERVICE, queue

from diracmq_cli.core.message import Delivery, Message, Properties
from diracmq_cli.core.model import Binding, MessagingModel, OriginLevel
from diracmq_cli.core.values import FieldValue, OpaqueString, Table
from diracmq_cli.core.verdict import Route, Verdict, judge

DN = "/DC=org/DC=example/CN=Jane Doe"
JOBS = queue("jobs", dead_letter_queue="dead", bindings=(Binding("events", "job.#"),))
PILOTS = queue("pilots", dead_letter_queue="jobs")
DEAD = queue("dead", dead_letter_queue="dead")
FOREIGN = queue("foreign", OTHER_SERVICE, dead_letter_queue="dead")
SECRET = queue("secret")
MODEL = MessagingModel(queues=(JOBS, PILOTS, DEAD, FOREIGN, SECRET))
TO_JOBS, TO_DEAD = Route.to(JOBS, MODEL), Route.to(DEAD, MODEL)

BROKER = Verdict(level=OriginLevel.BROKER, dn=DN)


def delivered(
    headers: Table | None = None, *, user_id: object = DN, exchange: object = "jobs.x", defect: str | None = None
) -> Delivery:
    message = Message(body=b"", properties=Properties(user_id=user_id), headers=headers or {})  # type: ignore[arg-type]
    return Delivery(
        message=message, service="dev", queue="jobs", exchange=exchange, delivery_tag=1, defect=defect  # type: ignore[arg-type]
    )  # fmt: skip


def death(queue: FieldValue, exchange: FieldValue) -> FieldValue:
    return {"queue": queue, "exchange": exchange, "reason": "rejected", "count": 1}


def test_a_route_holds_all_whose_dead_letters_end_here() -> None:
    """In one step or several, on the same broker only, and without running in circles."""
    assert TO_DEAD.feeds == {"dead": {"dead.x"}, "jobs": {"jobs.x", "events"}, "pilots": {"pilots.x"}}
    assert TO_JOBS.feeds == {"jobs": {"jobs.x", "events"}, "pilots": {"pilots.x"}}
    assert Route.to(SECRET, MODEL).feeds == {"secret": {"secret.x"}}


@pytest.mark.parametrize("exchange", ["jobs.x", "events"])
@pytest.mark.parametrize("headers", [{"dirac-dn": DN}, {}])
def test_the_broker_vouches_for_a_login_that_came_the_right_way(headers: Table, exchange: str) -> None:
    """user_id with the same claim, or without one, through an exchange that feeds this queue."""
    assert judge(delivered(headers, exchange=exchange), TO_JOBS) == BROKER


def test_a_servers_login_is_a_user_and_no_dn() -> None:
    """A login by password proves a name, which cannot look like a DN."""
    assert judge(delivered(user_id="robot-1"), TO_JOBS) == Verdict(level=OriginLevel.BROKER, user="robot-1")


@pytest.mark.parametrize("exchange", ["jobs.x", "secret.x"])
def test_without_a_login_it_is_a_claim(exchange: str) -> None:
    """A missing user_id is unattested, whatever way the message came."""
    claimed = judge(delivered({"dirac-dn": DN}, user_id=None, exchange=exchange), TO_JOBS)
    assert claimed == Verdict(level=OriginLevel.CLAIMED, dn=DN)
    assert judge(delivered(user_id=None), TO_JOBS) == Verdict(level=OriginLevel.CLAIMED)


def test_a_dead_letter_that_died_on_the_way_here_is_vouched_for() -> None:
    """Each death in a queue that leads here, reached through an exchange that feeds that queue."""
    headers: Table = {"x-death": [death("jobs", "jobs.x"), death("pilots", "pilots.x")]}
    assert judge(delivered(headers, exchange="dead.x"), TO_DEAD) == BROKER


@pytest.mark.parametrize(
    ("delivery", "code", "reason"),
    [
        (
            delivered({"dirac-dn": "/CN=Somebody Else"}),
            "claims-another",
            "claims /CN=Somebody Else but was sent by " + DN,
        ),
        (delivered({"dirac-dn": DN}, user_id="robot"), "claims-another", "but was sent by robot"),
        (delivered({"dirac-dn": OpaqueString(b"\xff")}), "claim-not-a-string", "dirac-dn is not a string"),
        (delivered({"dirac-dn": 1}), "claim-not-a-string", "dirac-dn is not a string"),
        (delivered({"dirac-dn": [DN]}, user_id=None), "claim-not-a-string", "dirac-dn is not a string"),
        (delivered(user_id=OpaqueString(DN.encode() + b"\xff")), "user-id-malformed", "user_id is not UTF-8"),
        (delivered(user_id="Jane"), "user-id-malformed", "neither a DN nor a server's login"),
        (delivered(user_id=""), "user-id-malformed", "neither a DN nor a server's login"),
        (delivered(user_id="robot\n"), "user-id-malformed", "neither a DN nor a server's login"),
        (delivered({"CC": ["secret"]}), "rerouting-header", "carries CC or BCC"),
        (delivered({"BCC": []}, user_id=None), "rerouting-header", "carries CC or BCC"),
        (delivered(defect="'a' is there twice"), "malformed-message", "malformed headers: 'a' is there twice"),
        (delivered(defect="cut short", user_id=None), "malformed-message", "malformed headers: cut short"),
        (
            delivered(exchange="secret.x"),
            "rerouted",
            "rerouted: came through exchange 'secret.x', which does not feed jobs",
        ),
        (delivered(exchange=""), "rerouted", "rerouted: came through exchange ''"),
        (delivered(exchange="jobs.tap"), "rerouted", "rerouted"),
        (delivered(exchange=OpaqueString(b"jobs.x\xff")), "rerouted", "rerouted"),
        (delivered(user_id="robot", exchange="secret.x"), "rerouted", "rerouted"),
    ],
)
def test_what_contradicts_itself_or_the_cs_is_wrong(delivery: Delivery, code: str, reason: str) -> None:
    """No level and no name, only the reason, for people and for programs."""
    verdict = judge(delivery, TO_JOBS)
    assert (verdict.level, verdict.dn, verdict.user, verdict.code) == (None, None, None, code)
    assert reason in (verdict.reason or "")


@pytest.mark.parametrize(
    ("deaths", "reason"),
    [
        ("jobs", "x-death is not a list"),
        ({}, "x-death is not a list"),
        (None, "x-death is not a list"),
        ([1], "no table"),
        ([{}], "died in None"),
        ([death("secret", "secret.x")], "died in secret, whose dead letters do not lead here"),
        ([death("foreign", "foreign.x")], "died in foreign"),
        ([death("amq.gen-x", "jobs.x")], "died in amq.gen-x"),
        ([death(["jobs"], "jobs.x")], "died in"),
        ([death("jobs", "secret.x")], "reached jobs through exchange secret.x, which does not feed it"),
        ([death("jobs", None)], "reached jobs through exchange None"),
        ([death("jobs", ["jobs.x"])], "reached jobs through exchange"),
        ([death("jobs", {})], "reached jobs through exchange"),
        ([death("jobs", "jobs.x"), death("secret", "secret.x")], "died in secret"),
    ],
)
def test_a_death_anywhere_else_is_rerouted(deaths: FieldValue, reason: str) -> None:
    """One foreign queue or exchange in x-death, or one that cannot be understood, and nothing is vouched for."""
    verdict = judge(delivered({"x-death": deaths}, exchange="dead.x"), TO_DEAD)
    assert verdict.level is None
    assert (verdict.reason or "").startswith("rerouted: ")
    assert reason in (verdict.reason or "")


@given(tables, properties, short, st.none() | st.text(max_size=10), values, values, values)
def test_judging_never_raises(
    headers: Table,
    given_properties: Properties,
    exchange: str,
    defect: str | None,
    claim: FieldValue,
    deaths: FieldValue,
    inside: FieldValue,
) -> None:
    """Whatever a publisher puts anywhere ends in a verdict: a level, or a reason why not."""
    for hostile in (deaths, [deaths], [death("jobs", inside)], [death(inside, "jobs.x")]):
        message = Message(
            body=b"", properties=given_properties, headers={**headers, "dirac-dn": claim, "x-death": hostile}
        )
        for through in (exchange, "dead.x"):
            delivery = Delivery(
                message=message, service="dev", queue="dead", exchange=through, delivery_tag=1, defect=defect
            )
            verdict = judge(delivery, TO_DEAD)
            assert (verdict.level is None) == (verdict.reason is not None) == (verdict.code is not None)

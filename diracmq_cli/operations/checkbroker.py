"""Go to a broker step by step: names, TCP, TLS, login. All addresses at once, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.core.finding import Finding, Status
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import AccessError, BrokerUnreachable, CredentialError, HostUnknown, MQError
from diracmq_cli.operations.background import Background, OutOfTime

if TYPE_CHECKING:
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.core.probing import AddressProbe, BrokerProbe, CertificateFacts, Examiner, TlsFacts
    from diracmq_cli.operations.deadline import Deadline

STEPS = ("DNS", "TCP", "TLS", "AMQP")

_ENDS_SOON = 7 * 86400.0
_NAMES_SHARE = 0.33
"""Of the time that is left, for the names: a name server that is silent must leave time for the names it told."""
_TCP_SHARE = 0.66


@dataclass(slots=True)
class _Journey:
    """How far we came at one address: what each step found, and the connection if it came to the end."""

    steps: dict[str, Finding] = field(default_factory=dict)
    broker: BrokerProbe | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What was found on the way to a broker, in the order of ``STEPS``, and a connection to it if there is one."""

    findings: tuple[Finding, ...]
    broker: BrokerProbe | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """To which broker, called what, and what is known to be missing on our side for TLS and for the login."""

    service: BrokerService
    title: str
    no_tls: str | None
    no_login: str | None


def travel(way: Way, examiner: Examiner, deadline: Deadline, now: float) -> Arrival:
    """Go as far as it goes. ``now`` is in seconds since the epoch. Never raises."""
    service, title = way.service, way.title
    if service.refusal is not None:
        skipped = Finding.skipped("AMQP", service.refusal, title)
        return Arrival((skipped,), None)
    addresses = examiner.look_up(service, _NAMES_SHARE * _left(deadline))
    dns = _names(service, addresses.probes, addresses.failures, title)
    if not addresses.probes:
        return Arrival((dns, *_skipped(STEPS[1:], "no address", title)), None)
    threads = [(probe, Background(partial(_visit, probe, way, deadline, now))) for probe in addresses.probes]
    journeys = [_arrive(probe, thread, deadline, title) for probe, thread in threads]
    findings = [dns]
    for step in STEPS[1:]:
        findings += _tempered([journey.steps[step] for journey in journeys if step in journey.steps])
    brokers = [journey.broker for journey in journeys if journey.broker is not None]
    for broker in brokers[1:]:
        broker.close()
    return Arrival(tuple(findings), brokers[0] if brokers else None)


def _names(service: BrokerService, probes: Sequence[AddressProbe], failures: Sequence[str], title: str) -> Finding:
    hint = f"check Host in {service.source}"
    if not probes:
        return Finding.failed("DNS", HostUnknown("; ".join(failures), hint=hint), title)
    found = ", ".join(map(str, probes))
    if failures:
        return Finding.warning("DNS", f"{found}; {'; '.join(failures)}", title, hint=hint)
    return Finding.ok("DNS", found, title)


def _visit(probe: AddressProbe, way: Way, deadline: Deadline, now: float) -> _Journey:
    """One address, as far as it goes."""
    journey = _Journey()
    steps, title = journey.steps, way.title
    step = STEPS[1]
    try:
        took = probe.reach(_TCP_SHARE * _left(deadline))
        steps["TCP"] = Finding.ok("TCP", f"{probe} in {format_duration(took)}", title)
        step = "TLS"
        if not way.service.tls:
            steps["TLS"] = Finding.skipped("TLS", f"off for this service ({way.service.source})", title)
        elif way.no_tls is not None:
            steps["TLS"] = Finding.skipped("TLS", way.no_tls, title)
        else:
            steps["TLS"] = handshake(str(probe), probe.secure(_left(deadline)), now, title)
        step = "AMQP"
        missing = way.no_login or (way.no_tls if way.service.tls else None)
        if missing is not None:
            steps["AMQP"] = Finding.skipped("AMQP", missing, title)
            return journey
        journey.broker = probe.log_in(_left(deadline))
        facts = journey.broker.facts
        steps["AMQP"] = Finding.ok("AMQP", f"{probe}: {facts.product} {facts.version}".rstrip(), title)
    except MQError as error:
        explained = error
        if step == "TLS" and isinstance(error, AccessError) and not isinstance(error, CredentialError):
            explained = untrusted(error, probe.shown(_left(deadline)), now)
        steps[step] = Finding.failed(step, _of(probe, explained), title, hint=_next(way.service, error))
        for later in STEPS[STEPS.index(step) + 1 :]:
            steps[later] = Finding.skipped(later, f"{probe}: no {step}", title)
    finally:
        if journey.broker is None:
            probe.close()
    return journey


def _arrive(probe: AddressProbe, thread: Background[_Journey], deadline: Deadline, title: str) -> _Journey:
    try:
        return thread.result(_left(deadline) + 0.1)
    except OutOfTime:
        error = BrokerUnreachable(f"{probe}: no answer in time", hint="dirac-mq check -t 20s waits longer")
        return _Journey({"AMQP": Finding.failed("AMQP", error, title)})


def handshake(where: str, tls: TlsFacts, now: float, title: str) -> Finding:
    """A good handshake: with what, and for how long the broker's certificate is good."""
    certificate = tls.certificate
    left = certificate.not_after - now
    detail = f"{where}: {tls.version}, {tls.cipher}, certificate ends in {format_duration(left)}"
    if left < _ENDS_SOON:
        return Finding.warning("TLS", detail, title, hint="tell the operator of the broker")
    return Finding.ok("TLS", detail, title)


def untrusted(error: MQError, certificate: CertificateFacts | None, now: float) -> MQError:
    """Why a broker's certificate cannot be trusted, with what it says itself; ``now`` is what our clock says."""
    if certificate is None:
        return error
    clock = f"this machine's clock says {_date(now)}"
    if now < certificate.not_before:
        early = format_duration(certificate.not_before - now)
        text = (
            f"the broker's certificate is not valid before {_date(certificate.not_before)}, {early} from now; {clock}"
        )
        return type(error)(text, hint="is the clock behind? compare with: date -u")
    if now > certificate.not_after:
        ago = format_duration(now - certificate.not_after)
        text = f"the broker's certificate ended at {_date(certificate.not_after)}, {ago} ago; {clock}"
        return type(error)(text, hint="if date -u is right, tell the operator of the broker")
    about = f"it is {certificate.subject}, for {', '.join(certificate.names) or 'no host'}, by {certificate.issuer}"
    return type(error)(f"{error}; {about}", hint=error.hint)


def _tempered(findings: Sequence[Finding]) -> list[Finding]:
    """The same step at all addresses: what fails at one while another is good is a warning, for clients go on."""
    good = any(finding.status in (Status.OK, Status.WARNING) for finding in findings)
    if not good:
        return [finding for finding in findings if finding.status is Status.FAILED] or list(findings[:1])
    return [
        Finding.warning(finding.check, finding.detail, finding.subject, hint=finding.next)
        if finding.status is Status.FAILED
        else finding
        for finding in findings
        if finding.status is not Status.SKIPPED
    ]


def _of(probe: AddressProbe, error: MQError) -> MQError:
    return type(error)(f"{probe}: {error}", hint=error.hint)


def _next(service: BrokerService, error: MQError) -> str:
    """What to do where an error does not say so itself."""
    if isinstance(error, BrokerUnreachable):
        return f"is the broker up, and its Host and Port right ({service.source})? dirac-mq check -t 20s waits longer"
    return f"tell the operator of the broker, or whoever keeps {service.source}"


def _skipped(steps: Sequence[str], why: str, title: str) -> list[Finding]:
    return [Finding.skipped(step, why, title) for step in steps]


def _left(deadline: Deadline) -> float:
    return deadline.left or 0.0


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

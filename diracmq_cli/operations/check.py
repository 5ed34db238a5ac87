"""Check: one line for each thing that has to be right between us and a queue, in the order in which it is needed.

What does not depend on anything else is looked at anyway, so that three faults are three lines. Brokers are asked all
at once, each within the time that is left; what depends on something that failed is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from diracmq_cli.core.finding import Finding, Status
from diracmq_cli.core.identity import Identity
from diracmq_cli.core.model import BrokerService, QueueSpec
from diracmq_cli.core.probing import AuthorityFacts, BrokerProbe, Examiner, Spec
from diracmq_cli.errors import BrokerUnreachable, ConfigError, CredentialError, CSUnreachable, MQError, TemporaryFailure
from diracmq_cli.operations.background import Background, OutOfTime
from diracmq_cli.operations.checkbroker import Arrival, Way, travel
from diracmq_cli.operations.checklocal import authorities, configuration, credential, remote
from diracmq_cli.operations.checkorigin import origin
from diracmq_cli.operations.checkrights import Asked, ask, judge_rights
from diracmq_cli.operations.deadline import Deadline

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock, Stop

T = TypeVar("T")

_LONGER = "dirac-mq check -t 20s waits longer"
_Survey = Background[AuthorityFacts]

_GRACE = 0.25
"""Seconds for a thread to put down what it has found when its own time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What is to be checked: destinations as they were typed (none: every service), within ``timeout`` seconds."""

    destinations: tuple[str, ...]
    timeout: float


@dataclass(slots=True, kw_only=True)
class _Broker:
    """One broker and login: the services that mean it, and the destinations that were asked for there."""

    services: list[BrokerService]
    specs: list[Spec]

    @property
    def service(self) -> BrokerService:
        return self.services[0]

    @property
    def title(self) -> str:
        return ", ".join(service.name for service in self.services)


class Check:
    """One run.

    Args:
        examiner: looks.
        request: at what, and for how long.
        clock: monotonic, in seconds.
        now: seconds since the epoch.
        stop: ends it early.
    """

    def __init__(self, examiner: Examiner, request: CheckRequest, *, clock: Clock, now: float, stop: Stop) -> None:
        self._examiner, self._request = examiner, request
        self._clock, self._now, self._stop = clock, now, stop
        self._identity: Identity | MQError | None = None
        self._directory: str | MQError | None = None

    def run(self) -> Iterator[Finding]:
        """Yield what is found, in order, each as soon as it is known."""
        try:
            local = self._examiner.local()
        except MQError as error:
            yield Finding.failed(
                "configuration", error, hint="mend the file, or name another: --cfg FILE, DIRACSYSCONFIG"
            )
            for check in ("credential", "CA directory", "services"):
                yield Finding.skipped(check, "the configuration cannot be read")
            return
        yield configuration(local)
        # A passphrase may be asked for: here, and before the clock runs.
        self._identity = _attempt(self._examiner.credential)
        self._directory = _attempt(self._examiner.ca_directory)
        deadline = Deadline(self._clock, self._request.timeout)
        survey = Background(self._examiner.authorities) if isinstance(self._directory, str) else None
        brokers, problems = self._find(deadline)
        visits = [Background(partial(self._visit, broker, deadline)) for broker in brokers]
        yield from self._own_side(brokers, survey, deadline)
        cs = self._examiner.remote()
        if local.servers and (cs is not None or not problems):  # else the problems say why there is nothing from there
            yield remote(cs)
        yield from problems
        for broker, visit in zip(brokers, visits, strict=True):
            try:
                yield from visit.result((deadline.left or 0.0) + _GRACE, self._stop)
            except OutOfTime:
                if self._stop.requested:
                    return
                yield Finding.failed("AMQP", BrokerUnreachable("no answer in time", hint=_LONGER), broker.title)

    # -- what is here ----------------------------------------------------------------------------------------------

    def _own_side(self, brokers: Sequence[_Broker], survey: _Survey | None, deadline: Deadline) -> Iterator[Finding]:
        by_name = bool(brokers) and all(broker.service.password is not None for broker in brokers)
        if isinstance(self._identity, Identity):
            yield credential(self._identity, self._now)
        elif by_name:
            yield Finding.skipped("credential", f"none, and a server that logs in by name needs none: {self._identity}")
        else:
            assert self._identity is not None
            yield Finding.failed("credential", self._identity)
        yield self._authorities(survey, deadline)

    def _authorities(self, survey: _Survey | None, deadline: Deadline) -> Finding:
        if survey is None:
            assert isinstance(self._directory, MQError)
            return Finding.failed("CA directory", self._directory)
        assert isinstance(self._directory, str)
        try:
            return authorities(self._directory, survey.result(deadline.left or 0.0, self._stop))
        except OutOfTime:
            return Finding.warning("CA directory", f"{self._directory} is not read yet", hint=_LONGER)
        except MQError as error:
            return Finding.failed("CA directory", error)

    # -- where to go -----------------------------------------------------------------------------------------------

    def _find(self, deadline: Deadline) -> tuple[list[_Broker], list[Finding]]:
        """The brokers to go to, and what could not be found. The CS may have to be asked."""
        thread = Background(self._places)
        try:
            return thread.result((deadline.left or 0.0) * 0.75, self._stop)
        except OutOfTime:
            error = CSUnreachable("no configuration server answered in time", hint=_LONGER)
            return [], [Finding.failed("CS", error)]

    def _places(self) -> tuple[list[_Broker], list[Finding]]:
        brokers: list[_Broker] = []
        problems: list[Finding] = []
        if not self._request.destinations:
            services, failure = self._examiner.services()
            for service in services:
                _group(brokers, service, None)
            if failure is not None:
                problems.append(self._cs_failed(failure))
            elif not brokers:
                none = ConfigError("no service is defined", hint="name a CFG with --cfg FILE or DIRACSYSCONFIG")
                problems.append(Finding.failed("services", none))
        for destination in self._request.destinations:
            try:
                spec, service = self._examiner.find(destination)
                _group(brokers, service, spec)
            except MQError as error:
                problems.append(Finding.failed("destination", error, destination, hint="dirac-mq list shows all"))
        return brokers, problems

    def _cs_failed(self, failure: MQError) -> Finding:
        if isinstance(failure, CredentialError) and isinstance(self._identity, MQError):
            return Finding.skipped("CS", "no credential to ask it with")
        return Finding.failed("CS", failure, hint="is it up? see Servers in /DIRAC/Configuration")

    # -- one broker ------------------------------------------------------------------------------------------------

    def _visit(self, broker: _Broker, deadline: Deadline) -> list[Finding]:
        service, title = broker.service, broker.title
        login = _attempt(lambda: self._examiner.login(service))
        way = Way(
            service=service,
            title=title,
            no_tls=None if isinstance(self._directory, str) else "no CA directory to check the broker by",
            no_login=None if isinstance(login, str) else "no credential to log in with",
        )
        arrival = travel(way, self._examiner, deadline, self._now)
        findings = list(arrival.findings)
        if isinstance(login, CredentialError) and not isinstance(self._identity, CredentialError):
            findings.append(Finding.failed("login", login, title))  # a password that must not be used
        asked = self._ask(broker, arrival, login, findings, deadline)
        for spec, said in zip(broker.specs, asked, strict=True):
            findings += self._destination(spec, said, login if isinstance(login, str) else None)
        return findings

    def _ask(
        self, broker: _Broker, arrival: Arrival, login: str | MQError, findings: list[Finding], deadline: Deadline
    ) -> list[Asked | None]:
        """Ask the broker who we are and what we may do; None for what it could not be asked."""
        probe = arrival.broker
        asked: list[Asked | None] = [None] * len(broker.specs)
        if probe is not None:
            with suppress(BrokerUnreachable):  # `_greeting` will meet it too, and say so
                asked[:] = ask(probe, broker.specs, lambda: deadline.left or 0.0)
            findings += _greeting(probe, str(login), broker.title, deadline)
            probe.close()
        return asked

    def _destination(self, spec: Spec, asked: Asked | None, login: str | None) -> Iterator[Finding]:
        title = str(spec.address)
        may_write = False
        if asked is None:
            yield Finding.skipped("rights", "the broker could not be asked", title)
        else:
            if asked.queue is not None:
                yield asked.queue
            examiner = self._examiner
            rights = judge_rights(spec, asked.answers, lambda who: examiner.named(login or "", who))
            may_write = rights[-1].status is Status.OK
            yield from rights
        if isinstance(spec, QueueSpec) and login is not None:
            yield origin(self._examiner, spec, login, may_write=may_write)


def _greeting(probe: BrokerProbe, login: str, title: str, deadline: Deadline) -> Iterator[Finding]:
    """Whom the broker takes us for, and whether it takes messages."""
    try:
        known = probe.login_name(deadline.left or 0.0)
    except BrokerUnreachable as error:
        yield Finding.failed("login", error, title)
        return
    if known is None:
        yield Finding.ok("login", f"I say that I am {login}; the broker does not say whom it knows", title)
    elif known == login:
        yield Finding.ok("login", f"the broker knows me as {known}", title)
    else:
        other = CredentialError(
            f"the broker knows me as {known}, and I say that I am {login}: it would refuse my messages (user_id)",
            hint="the broker needs the rabbitmq_grid_proxy plugin: dirac-mq broker plugin",
        )
        yield Finding.failed("login", other, title)
    if probe.blocked is not None:
        blocked = TemporaryFailure(
            f"the broker takes no messages now: {probe.blocked}", hint="dirac-mq send --spool keeps them until it does"
        )
        yield Finding.failed("blocked", blocked, title)


def _group(brokers: list[_Broker], service: BrokerService, spec: Spec | None) -> None:
    """Put a service, and what is asked for there, to the broker and login that it means."""
    broker = next((each for each in brokers if _same(each.service, service)), None)
    if broker is None:
        broker = _Broker(services=[], specs=[])
        brokers.append(broker)
    if service not in broker.services:
        broker.services.append(service)
    if spec is not None and spec not in broker.specs:
        broker.specs.append(spec)


def _same(one: BrokerService, other: BrokerService) -> bool:
    return one.same_broker(other) and (one.tls, one.user, one.password, one.refusal) == (
        other.tls,
        other.user,
        other.password,
        other.refusal,
    )


def _attempt(call: Callable[[], T]) -> T | MQError:
    try:
        return call()
    except MQError as error:
        return error

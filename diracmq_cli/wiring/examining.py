"""What ``check`` looks at, by the adapters that every command uses (port ``Examiner``)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.core.cached import cached_property
from diracmq_cli.core.ids import uuid7
from diracmq_cli.core.message import Delivery, Message
from diracmq_cli.core.model import BrokerService, OriginLevel, Principals, QueueSpec
from diracmq_cli.core.probing import (
    Addresses,
    AuthorityFacts,
    BrokerProbe,
    CertificateFacts,
    LocalFacts,
    RemoteFacts,
    Spec,
    TlsFacts,
)
from diracmq_cli.core.stamp import stamp
from diracmq_cli.errors import ConfigError, CredentialError, MQError, UnknownDestination
from diracmq_cli.wiring.acceptance import TrustOptions, policy_for
from diracmq_cli.wiring.judging import judge_for
from diracmq_cli.wiring.sender import sender_of
from diracmq_cli.wiring.setup import CLIENT_NAME, Setup
from diracmq_cli.wiring.target import is_url, on_broker

if TYPE_CHECKING:
    import ssl

    from diracmq_cli.broker.probe import Dialled
    from diracmq_cli.core.identity import Identity
    from diracmq_cli.core.policy import Refused
    from diracmq_cli.core.registry import Registry
    from diracmq_cli.core.verdict import Verdict

_NO_MESSAGE = Message(body=b"")


class MachineExaminer:
    """Looks by way of ``setup``; ``trouble`` collects what the CS warns of meanwhile."""

    def __init__(self, setup: Setup, trouble: list[str]) -> None:
        self._setup = setup
        self._trouble = trouble
        self._judging = threading.Lock()  # the parts of a setup are made once, and brokers are visited in threads

    def local(self) -> LocalFacts:
        """See ``core.probing.Examiner``."""
        local = self._setup.cs.local
        return LocalFacts(local.model.files, local.servers.urls)

    def credential(self) -> Identity:
        """See ``core.probing.Examiner``."""
        return self._setup.identity

    def ca_directory(self) -> str:
        """See ``core.probing.Examiner``."""
        return self._setup.ca_directory

    def authorities(self) -> AuthorityFacts:
        """See ``core.probing.Examiner``."""
        from diracmq_cli.admin.authorities import read_authorities
        from diracmq_cli.admin.expiry import expiring_crls

        directory, now = Path(self._setup.ca_directory), time.time()
        found = read_authorities(directory, now=now)
        return AuthorityFacts(
            authorities=len(found.trusted),
            without_crl=len(found.without_crl),
            concerns=(*found.left_out, *expiring_crls(directory, found, now=now)),
        )

    def find(self, destination: str) -> tuple[Spec, BrokerService]:
        """See ``core.probing.Examiner``."""
        target = self._setup.target(destination)
        return target.spec, target.service

    def services(self) -> tuple[Sequence[BrokerService], MQError | None]:
        """See ``core.probing.Examiner``. ``--broker`` chooses one."""
        failure: MQError | None = None
        broker = self._setup.choices.broker
        try:
            if broker is not None and not is_url(broker):
                return [self._setup.service(broker)], None
            self._setup.cs.everything()
        except MQError as error:
            failure = error
        model = self._setup.model
        if broker is None:
            return model.services, failure
        try:
            moved = on_broker(model, broker)
        except UnknownDestination:
            return [], failure
        specs: list[Spec] = [*moved.queues, *moved.exchanges]
        return list(dict.fromkeys(spec.service for spec in specs)), failure

    def remote(self) -> RemoteFacts | None:
        """See ``core.probing.Examiner``."""
        cs = self._setup.cs
        origin = cs.origin
        if origin is None:
            return None
        server, age = origin
        return RemoteFacts(server=server, age=age, stale=cs.stale, trouble=tuple(self._trouble))

    def login(self, service: BrokerService) -> str:
        """See ``core.probing.Examiner``."""
        return self._setup.login_name(service) or self._setup.login_identity(service).dn

    def look_up(self, service: BrokerService, timeout: float) -> Addresses:
        """See ``core.probing.Examiner``."""
        from diracmq_cli.broker.probe import Dialled, Login
        from diracmq_cli.broker.resolve import resolve
        from diracmq_cli.broker.waiting import Deadline

        found = resolve(service.hosts, shuffle=False, deadline=Deadline(timeout), wake_fd=None)
        try:
            name = self.login(service)
        except MQError:
            name = ""  # nobody logs in
        login = Login(name, service.password)
        context = self._context(service)
        explain = partial(self._setup.explained, service=service)
        return Addresses(
            tuple(_Address(Dialled(each, service, login, CLIENT_NAME), context, explain) for each in found.endpoints),
            found.failures,
        )

    def named(self, login: str, principals: Principals) -> bool | None:
        """See ``core.probing.Examiner``."""
        if login in (*principals.dns, *principals.users):
            return True
        try:
            return any(login in self._registry.members(group) for group in principals.groups)
        except MQError:
            return None

    def judge(self, queue: QueueSpec, login: str, level: OriginLevel) -> tuple[Verdict, Refused | None]:
        """See ``core.probing.Examiner``."""
        with self._judging:
            by_name = not login.startswith("/")
            sender = sender_of(self._setup, login if by_name else None, None if by_name else self._setup.identity)
            now = time.time()
            message = stamp(_NO_MESSAGE, sender, message_id=uuid7(int(now * 1000), os.urandom(10)), now=int(now))
            if level is OriginLevel.SIGNED:
                signer = self._setup.signer(many=False)
                message = signer.sign(message, service=queue.service.name, destination=queue.address)
            delivery = Delivery(
                message=message, service=queue.service.name, queue=queue.name, exchange=queue.exchange, delivery_tag=1
            )
            verdict = judge_for(queue, self._setup)(delivery)
            policy = policy_for(queue, TrustOptions(), self._setup)
        return verdict, None if policy is None else policy.refusal(verdict)

    def _context(self, service: BrokerService) -> ssl.SSLContext | None:
        """TLS as for a login; where there is no credential for one, just to look at the broker."""
        from diracmq_cli.credentials import tls_context

        try:
            return self._setup.tls(service)
        except MQError:
            pass
        try:
            return tls_context(None, self._setup.ca_directory)
        except MQError:
            return None

    @cached_property
    def _registry(self) -> Registry:
        from diracmq_cli.config import read_registry

        return read_registry(self._setup.configuration)


class _Address:
    """One address, with TLS as this service needs it (port ``AddressProbe``)."""

    def __init__(
        self,
        dialled: Dialled,
        context: ssl.SSLContext | None,
        explain: Callable[[CredentialError], CredentialError],
    ) -> None:
        self._dialled = dialled
        self._context = context
        self._explain = explain

    def __str__(self) -> str:
        return str(self._dialled)

    def reach(self, timeout: float) -> float:
        """See ``core.probing.AddressProbe``."""
        return self._dialled.reach(timeout)

    def secure(self, timeout: float) -> TlsFacts:
        """See ``core.probing.AddressProbe``."""
        if self._context is None:
            raise ConfigError("there is no CA directory to check the broker by")
        shaken = self._dialled.secure(self._context, timeout)
        certificate = _read(shaken.certificate)
        if certificate is None:
            raise ConfigError("the broker's certificate cannot be read")
        return TlsFacts(shaken.version, shaken.cipher, certificate)

    def shown(self, timeout: float) -> CertificateFacts | None:
        """See ``core.probing.AddressProbe``."""
        octets = self._dialled.shown(timeout)
        return None if octets is None else _read(octets)

    def log_in(self, timeout: float) -> BrokerProbe:
        """See ``core.probing.AddressProbe``."""
        try:
            return self._dialled.log_in(timeout)
        except CredentialError as error:
            raise self._explain(error) from error

    def close(self) -> None:
        """See ``core.probing.AddressProbe``."""
        self._dialled.close()


def _read(octets: bytes) -> CertificateFacts | None:
    from diracmq_cli.credentials.servercert import read_server_certificate

    return read_server_certificate(octets)

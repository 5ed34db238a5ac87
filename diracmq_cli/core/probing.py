"""What ``check`` asks of the machine and of brokers, and the facts that come back. Adapters: ``broker.probe``, wiring.

Each question is asked from a thread of its own; none blocks beyond the timeout that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from diracmq_cli.core.model import BrokerService, ExchangeSpec, OriginLevel, Principals, QueueSpec

if TYPE_CHECKING:
    from diracmq_cli.core.identity import Identity
    from diracmq_cli.core.policy import Refused
    from diracmq_cli.core.ports import QueueStatus
    from diracmq_cli.core.verdict import Verdict
    from diracmq_cli.errors import MQError

Spec = QueueSpec | ExchangeSpec


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """The local configuration: the files that were read, and the configuration servers that they name (URLs)."""

    files: tuple[str, ...]
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFacts:
    """What the remote CS said: by which server, how many seconds ago.

    ``stale``: it is a copy, older than was asked for; ``trouble`` holds sentences about what is wrong with it, or why
    no server has given a newer one.
    """

    server: str
    age: float
    stale: bool
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityFacts:
    """A directory of CAs; ``concerns`` are sentences about CAs that are no use, and CRLs that have ended or soon do."""

    authorities: int
    without_crl: int
    concerns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """A broker's certificate: whose, by whom, for which host names, and its life (seconds since the epoch)."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What a handshake agreed on, as OpenSSL names it, and the certificate that the broker showed."""

    version: str
    cipher: str
    certificate: CertificateFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """What a broker says of itself."""

    product: str
    version: str
    local_address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A broker's answer to whether we may do something.

    ``allowed`` is None where it does not say, ``missing`` when the thing does not exist; ``said`` are its own words.
    """

    allowed: bool | None
    said: str = ""
    missing: bool = False


class BrokerProbe(Protocol):
    """A logged-in connection that asks what we may do here, without doing any of it."""

    facts: BrokerFacts

    def login_name(self, timeout: float) -> str | None:
        """The name that the broker knows us by, in its own words; None when it does not tell."""

    def status(self, name: str, timeout: float) -> QueueStatus:
        """What it tells of a queue."""

    def may_write(self, exchange: str, timeout: float) -> Answer:
        """Whether we may publish to an exchange."""

    def may_take(self, queue: str, timeout: float) -> Answer:
        """Whether we may consume from a queue."""

    def may_watch(self, exchange: str, timeout: float) -> Answer:
        """Whether we may bind a private queue to an exchange."""

    @property
    def blocked(self) -> str | None:
        """The broker's reason while it takes no messages; it tells those only who have tried to publish."""

    def close(self) -> None:
        """Close the connection."""


class AddressProbe(Protocol):
    """One address of a broker, step by step. Each step needs the one before."""

    def __str__(self) -> str:
        """Host name and address."""

    def reach(self, timeout: float) -> float:
        """Connect (TCP); returns the seconds it took.

        Raises:
            BrokerUnreachable: nothing answers.
            ConfigError: TLS is off, and this is another machine.
        """

    def secure(self, timeout: float) -> TlsFacts:
        """Shake hands, with our certificate if there is a usable one.

        Raises:
            AccessError: its certificate is not one that we can trust, or ours is refused.
            ProtocolError: it does not speak TLS.
            BrokerUnreachable: it does not answer.
        """

    def shown(self, timeout: float) -> CertificateFacts | None:
        """The certificate that it shows, on a new connection that verifies nothing and says nothing of us."""

    def log_in(self, timeout: float) -> BrokerProbe:
        """Log in.

        Raises:
            MQError: as ``broker.connect``.
        """

    def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a service's host names led to, and why a name led nowhere."""

    probes: tuple[AddressProbe, ...]
    failures: tuple[str, ...]


class Examiner(Protocol):
    """Everything that ``check`` looks at."""

    def local(self) -> LocalFacts:
        """Read the local configuration.

        Raises:
            UsageError, ConfigError: it cannot be read.
        """

    def credential(self) -> Identity:
        """Find, read and check the user's credential.

        Raises:
            UsageError, CredentialError: there is none that can be used.
        """

    def ca_directory(self) -> str:
        """Find the CA directory.

        Raises:
            CredentialError: there is none.
        """

    def authorities(self) -> AuthorityFacts:
        """Read the CA directory.

        Raises:
            ConfigError: it holds no CA that can be used.
        """

    def find(self, destination: str) -> tuple[Spec, BrokerService]:
        """Find a destination, and the service to dial for it.

        Raises:
            MQError: it is not known, or the CS cannot be asked.
        """

    def services(self) -> tuple[Sequence[BrokerService], MQError | None]:
        """Find every service; where the CS cannot be asked, those of the local files, and why it cannot."""

    def remote(self) -> RemoteFacts | None:
        """What the remote CS has said so far; None when it was not needed."""

    def login(self, service: BrokerService) -> str:
        """The name that we say we are: a server's user name, or the credential's DN.

        Raises:
            CredentialError: there is no usable credential.
        """

    def look_up(self, service: BrokerService, timeout: float) -> Addresses:
        """Look up the host names of a service."""

    def named(self, login: str, principals: Principals) -> bool | None:
        """Whether the CS means us by ``principals``; None when its registry cannot tell."""

    def judge(self, queue: QueueSpec, login: str, level: OriginLevel) -> tuple[Verdict, Refused | None]:
        """What a reader of ``queue`` would say of a message sent now, and why he would not take it.

        ``level`` says whether the message is signed.

        Raises:
            CredentialError: it cannot be signed.
            ConfigError: the CS names a group that it does not know.
        """

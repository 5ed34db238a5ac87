"""A broker reached through RabbitMQ's management HTTP API (its reference: ``/api/index.html`` of any broker)."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from diracmq_cli.admin.changes import Action, Change
from diracmq_cli.admin.control import CLOSE_REASON, Outcome
from diracmq_cli.admin.entries import LARGEST, Entries, Entry, Kind, read_entries
from diracmq_cli.admin.permissions import EVERYTHING
from diracmq_cli.core.strictjson import parse_json
from diracmq_cli.errors import BrokerUnreachable, CredentialError, MQError, PermissionDenied, ProtocolError

if TYPE_CHECKING:
    from diracmq_cli.core.model import Secret

_PORTS = {"https": 15671, "http": 15672}
"""RabbitMQ's own, not the web's: what a URL without a port means here."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user whose name and password the API takes; it needs the tag ``administrator``."""

    user: str
    password: Secret

    @property
    def header(self) -> str:
        """The value of ``Authorization`` (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password.value}".encode()).decode()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = field(repr=False)

    @property
    def reason(self) -> str:
        """What the API says, in a line."""
        try:
            said = parse_json(self.body, "the answer", limit=1 << 16)
        except MQError:
            said = None
        text = said.get("reason") or said.get("error") if isinstance(said, dict) else None
        return f"HTTP {self.status}" + (f": {' '.join(str(text).split())[:300]}" if text else "")


class ManagementAPI:
    """Port ``Control``, over HTTPS (or HTTP, which is for loopback: the caller has seen to it).

    Args:
        url: the CS's ManagementURL.
        account: who we are there.
        context: verifies the server; None for plain HTTP.
        timeout: seconds that any one answer may take.
    """

    def __init__(self, url: str, account: Account, context: ssl.SSLContext | None, *, timeout: float) -> None:
        self._url = url
        self._account = account
        parts = urlsplit(url)
        self._prefix = parts.path.rstrip("/") + "/api"
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        self._connection = (
            http.client.HTTPConnection(host, port, timeout=timeout)
            if context is None
            else http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        )

    def entries(self) -> Entries:
        """See ``Control.entries``. (GET /api/definitions, which has internal exchanges too.)"""
        answer = self._ask("GET", "definitions")
        if answer.status in (401, 403):
            raise PermissionDenied(
                f"{self._url} does not let {self._account.user} read everything: {answer.reason}",
                hint=f"rabbitmqctl set_user_tags {self._account.user} administrator",
            )
        if answer.status != http.HTTPStatus.OK:
            # RabbitMQ 3.10 dies of a binding whose key holds ~ and that has arguments; whoever may tail can make one.
            raise ProtocolError(
                f"{self._url}: GET /api/definitions says {answer.reason}",
                hint="check ManagementURL, or use --node on the broker's host",
            )
        return read_entries(answer.body.decode(errors="replace"), f"what {self._url} says it holds")

    def make(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """See ``Control.make``."""
        self._let_ourselves_in({change.entry.vhost for change in changes if change.entry.vhost is not None})
        for change in changes:
            problem = self._remove(change.entry) if change.action is Action.REMOVE else self._put(change.entry)
            if problem is None and change.loser is not None:
                problem = self._end_connections(change.loser)
            yield Outcome(change, problem)

    def _end_connections(self, user: str) -> str | None:
        """Close whatever the user has open; why it was not. One that does not take the word holds nothing else up."""
        try:
            answer = self._ask("DELETE", "connections", "username", user)
        except BrokerUnreachable as error:
            return f"done, but connections may be open: {error}"
        return None if _done(answer) else f"done, but connections stay open: {answer.reason}"

    def _let_ourselves_in(self, vhosts: set[str]) -> None:
        """Give our own account every right on the vhosts that are there: the API declares and deletes in its name.

        Who makes a vhost has them, and an administrator may take them.
        """
        everything = dict.fromkeys(("configure", "write", "read"), EVERYTHING)
        for vhost in sorted(vhosts):
            path = ("permissions", vhost, self._account.user)
            held = parse_json(self._ask("GET", *path).body, "a permission", limit=1 << 16)
            if not isinstance(held, dict) or any(held.get(name) != EVERYTHING for name in everything):
                self._ask("PUT", *path, body=everything)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _put(self, entry: Entry) -> str | None:
        """Add or change one thing; why it could not be done. (POST /api/definitions would take 20 ms for each.)"""
        method, path, body = "PUT", (_COLLECTIONS[entry.kind], *entry.identity), dict(entry.properties)
        if entry.kind is Kind.BINDING:
            method, path = "POST", _ends(entry)
            body = {"routing_key": entry.field("routing_key"), "arguments": json.loads(entry.field("arguments"))}
        elif entry.kind is Kind.TOPIC_PERMISSION:
            path, body = path[:-1], body | {"exchange": entry.field("exchange")}
        answer = self._ask(method, *path, body=body)
        return None if _done(answer) else answer.reason

    def _remove(self, entry: Entry) -> str | None:
        """Remove one thing; why it could not be done."""
        if entry.kind is Kind.BINDING:
            return self._remove_binding(entry)
        query = "?if-unused=true" if entry.kind is Kind.EXCHANGE else ""
        return self._delete(_COLLECTIONS[entry.kind], *entry.identity, query=query)

    def _remove_binding(self, entry: Entry) -> str | None:
        """Remove a binding. The broker makes the last part of its path from routing key and arguments: look it up."""
        path = _ends(entry)
        answer = self._ask("GET", *path)
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        if not _done(answer):
            return answer.reason
        found = parse_json(answer.body, "a list of bindings", limit=LARGEST)
        wanted = (entry.field("routing_key"), json.loads(entry.field("arguments")))
        for row in found if isinstance(found, list) else []:
            if isinstance(row, dict) and (row.get("routing_key"), row.get("arguments")) == wanted:
                return self._delete(*path, str(row["properties_key"]))
        return None

    def _delete(self, *path: str, query: str = "") -> str | None:
        answer = self._ask("DELETE", *path, query=query)
        return None if _done(answer) or answer.status == http.HTTPStatus.NOT_FOUND else answer.reason

    def _ask(self, method: str, *path: str, query: str = "", body: object = None) -> _Answer:
        """One request, tried again once when the server has hung up meanwhile: every request may be repeated.

        Raises:
            CredentialError: name and password are refused.
            BrokerUnreachable: it cannot be asked.
        """
        where = f"{self._prefix}/{'/'.join(quote(part, safe='') for part in path)}{query}"
        headers = {"Authorization": self._account.header, "Content-Type": "application/json", "X-Reason": CLOSE_REASON}
        octets = None if body is None else json.dumps(body).encode()
        fresh = self._connection.sock is None
        try:
            answer = self._exchange(method, where, octets, headers)
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            self._connection.close()
            if fresh:
                raise self._unreachable(error) from error
            return self._ask(method, *path, query=query, body=body)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise self._unreachable(error) from error
        if answer.status == http.HTTPStatus.UNAUTHORIZED:
            raise CredentialError(
                f"{self._url} refuses {self._account.user}: {answer.reason}",
                hint=f"check ManagementUser and {self._account.password.place or 'ManagementPassword'}",
            )
        return answer

    def _exchange(self, method: str, where: str, octets: bytes | None, headers: dict[str, str]) -> _Answer:
        self._connection.request(method, where, octets, headers)
        response = self._connection.getresponse()
        return _Answer(response.status, response.read(LARGEST))

    def _unreachable(self, error: OSError | http.client.HTTPException) -> MQError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return CredentialError(
                f"{self._url}: its certificate cannot be verified: {error.verify_message}",
                hint="point to the directory of CA certificates with --capath or X509_CERT_DIR",
            )
        text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return BrokerUnreachable(f"{self._url}: {text.lower()}", hint="check ManagementURL, or use --node on the host")


_COLLECTIONS = {
    Kind.VHOST: "vhosts",
    Kind.QUEUE: "queues",
    Kind.BINDING: "bindings",
    Kind.EXCHANGE: "exchanges",
    Kind.POLICY: "policies",
    Kind.USER: "users",
    Kind.PERMISSION: "permissions",
    Kind.TOPIC_PERMISSION: "topic-permissions",
    Kind.LIMIT: "user-limits",
}
"""Where the API keeps each kind; but for bindings the path goes on with the entry's identity."""


def _ends(entry: Entry) -> tuple[str, ...]:
    """The path of all bindings between the two ends of one."""
    kind = "e" if entry.field("destination_type") == "exchange" else "q"
    return "bindings", entry.field("vhost"), "e", entry.field("source"), kind, entry.field("destination")


def _done(answer: _Answer) -> bool:
    return 200 <= answer.status < 300

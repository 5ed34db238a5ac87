"""Everybody of a collaboration with a certificate of his own and a connection, by pika and no code of ours."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pika
from support.chain_parts import CLIENT, NOT_A_CA, USER_USAGE
from support.chains import issue
from support.clients import load
from support.collaboration import PASSWORD, SERVERS, Person
from support.csoracle import login_of
from support.rendered import Rendered


class Crowd:
    """Connections by login, each made when it is first asked for, and again when it has been closed."""

    def __init__(self, broker: Rendered, people: Iterable[Person]) -> None:
        self.broker = broker
        self._files = dict(_certify(broker, people))
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._connections: dict[str, pika.BlockingConnection] = {}

    @property
    def logins(self) -> tuple[str, ...]:
        """People's DNs as the broker writes them, then servers' names."""
        return (*self._files, *SERVERS)

    def connection(self, login: str) -> pika.BlockingConnection:
        """An open connection of that login."""
        found = self._connections.get(login)
        if found is None or not found.is_open:
            found = self._connections[login] = self.new_connection(login)
        return found

    def new_connection(self, login: str) -> pika.BlockingConnection:
        """One more, which the caller closes."""
        credentials: Any = pika.credentials.ExternalCredentials()
        if login in SERVERS:
            credentials = pika.PlainCredentials(login, PASSWORD.format(login))
        return self.broker.connect(self._context(login), credentials)

    def close(self) -> None:
        for connection in self._connections.values():
            with suppress(pika.exceptions.AMQPError):  # the broker may have closed it meanwhile
                connection.close()
        self._connections.clear()

    def _context(self, login: str) -> ssl.SSLContext:
        if login in SERVERS:
            return self.broker.context("host")
        if login not in self._contexts:
            self._contexts[login] = self.broker.context(None)
            self._contexts[login].load_cert_chain(self._files[login])
        return self._contexts[login]


def _certify(broker: Rendered, people: Iterable[Person]) -> Iterator[tuple[str, Path]]:
    """Certificates from the broker's CA, with their keys, in files."""
    ca = load(broker.node.layout.ca / "cert.pem", broker.node.layout.ca / "key.pem")
    for person in people:
        issued = issue(person.subject, ca, NOT_A_CA, USER_USAGE, CLIENT)
        file = broker.node.layout.pki / f"{person.nick}.pem"
        file.write_bytes(issued.pem + issued.key_pem)
        yield login_of(person.dn), file


@contextmanager
def crowd_of(broker: Rendered, people: Iterable[Person]) -> Iterator[Crowd]:
    """A crowd whose connections are closed afterwards."""
    crowd = Crowd(broker, people)
    try:
        yield crowd
    finally:
        crowd.close()

"""Find every address behind a service's host names, within a deadline."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from diracmq_cli.broker.waiting import Deadline, wait_for
from diracmq_cli.core.model import HostPort


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address to dial, and the CS's name for it (which its certificate must bear)."""

    host: HostPort
    family: int
    address: tuple[object, ...]

    @property
    def ip(self) -> str:
        """The numeric address."""
        return str(self.address[0])

    def __str__(self) -> str:
        where = HostPort(self.ip, self.host.port)
        return str(where) if self.ip == self.host.host else f"{self.host.host} ({where})"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the names led to: addresses in the order to try them, and why a name led nowhere."""

    endpoints: tuple[Endpoint, ...]
    failures: tuple[str, ...]


def resolve(hosts: Sequence[HostPort], *, shuffle: bool, deadline: Deadline, wake_fd: int | None) -> Resolution:
    """Look up all ``hosts`` at once, in threads of their own because ``getaddrinfo`` cannot be given a time limit.

    Args:
        hosts: names or numeric addresses.
        shuffle: try hosts, and the addresses of one alias, in random order (so that a herd spreads).
        deadline: when to go on with what is known.
        wake_fd: readable when we are asked to stop.

    Raises:
        Interrupted: a stop was asked for.
    """
    order = random.sample(hosts, len(hosts)) if shuffle else list(hosts)
    found: dict[HostPort, list[Endpoint] | str] = {}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for host in set(order):
            threading.Thread(target=_look_up, args=(host, found, theirs), daemon=True).start()
        with contextlib.suppress(TimeoutError):
            while len(found) < len(set(order)):
                wait_for(ours.fileno(), select.POLLIN, deadline, wake_fd)
                ours.recv(64)
    endpoints: list[Endpoint] = []
    failures: list[str] = []
    for host in dict.fromkeys(order):
        answer = found.get(host, "no answer from the name service in time")
        if isinstance(answer, str):
            failures.append(f"{host.host}: {answer}")
        else:
            endpoints += random.sample(answer, len(answer)) if shuffle else answer
    return Resolution(tuple(dict.fromkeys(endpoints)), tuple(failures))


def _look_up(host: HostPort, found: dict[HostPort, list[Endpoint] | str], done: socket.socket) -> None:
    try:
        answers = socket.getaddrinfo(host.host, host.port, type=socket.SOCK_STREAM)
        found[host] = [Endpoint(host, family, address) for family, _, _, _, address in answers]
    except (OSError, UnicodeError) as error:
        found[host] = (error.strerror if isinstance(error, OSError) else None) or str(error)
    with contextlib.suppress(OSError):  # nobody may be waiting any more: the deadline passed
        done.send(b".")

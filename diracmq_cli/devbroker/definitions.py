"""From the devbroker's own CFG files to what its node is set up with, by the code that sets up any broker."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from diracmq_cli.admin.conffiles import consumer_timeout
from diracmq_cli.admin.definitions import User, definitions, hash_password
from diracmq_cli.admin.permissions import EVERYTHING, Grant, grants
from diracmq_cli.admin.topology import lay_out, on_broker
from diracmq_cli.config import LocalSources, load_configuration, read_messaging, read_registry
from diracmq_cli.core.model import MessagingModel
from diracmq_cli.core.registry import Registry
from diracmq_cli.devbroker.layout import Layout
from diracmq_cli.devbroker.roles import PEOPLE, Role


@dataclass(frozen=True, slots=True)
class Setup:
    """The definitions file's text, and what the configuration files must know of the model."""

    definitions: str
    passwords: bool
    consumer_timeout: float


def read_setup(layout: Layout) -> Setup:
    """Read ``dirac.cfg`` and ``server.cfg`` and work out the node's set-up.

    Raises:
        ConfigError: an entry cannot be read or put on a broker; nothing is left out in silence.
    """
    model, registry = read_model(layout)
    topology = lay_out(model)
    operator = PEOPLE[Role.OPERATOR].dn
    administrator = tuple(Grant(operator, vhost, EVERYTHING, EVERYTHING, EVERYTHING) for vhost in topology.vhosts)
    given = (*(grant for grant in grants(model, registry) if grant.user != operator), *administrator)
    passwords = {s.user: s.password.value for s in model.services if s.user is not None and s.password is not None}
    users = [
        User(
            name,
            password_hash=hash_password(passwords[name], secrets.token_bytes(4)) if name in passwords else "",
            tags=("administrator",) if name == operator else (),
        )
        for name in sorted({grant.user for grant in given})
    ]
    return Setup(definitions(topology, users, given), bool(passwords), consumer_timeout(model))


def read_model(layout: Layout) -> tuple[MessagingModel, Registry]:
    """The queues of the devbroker's own broker, and who is in which group.

    Raises:
        ConfigError: an entry of the files cannot be read.
        CredentialError: others can read the server's password.
    """
    files = (str(layout.cfg), str(layout.server_cfg))
    # Only these two files: an installation root without an etc/dirac.cfg keeps out what the machine has.
    sources = LocalSources(cfg_files=files, environment={"DIRAC_ROOT_PATH": str(layout.directory)})
    configuration = load_configuration(sources)
    model = read_messaging(configuration)
    problems = [service.password_problem for service in model.services if service.password_problem is not None]
    for error in (*(error for _, error in model.refused), *problems):
        raise error
    service = next(service for service in model.services if service.name == "dev")
    return on_broker(model, service), read_registry(configuration)

"""From the devbroker's own CFG files to what its node is set up with, by the code that sets up any broker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.admin.definitions import User
from diracmq_cli.admin.permissions import EVERYTHING, Grant
from diracmq_cli.admin.plan import Plan, make_plan
from diracmq_cli.admin.topology import on_broker
from diracmq_cli.config import LocalSources, load_configuration, read_messaging, read_registry
from diracmq_cli.devbroker.roles import PEOPLE, Role

if TYPE_CHECKING:
    from diracmq_cli.core.model import MessagingModel
    from diracmq_cli.core.registry import Registry
    from diracmq_cli.devbroker.layout import Layout


def read_setup(layout: Layout) -> Plan:
    """Read ``dirac.cfg`` and ``server.cfg`` and work out the node's set-up; the devbroker's operator may do everything.

    Raises:
        ConfigError: an entry cannot be read or put on a broker; nothing is left out in silence.
        CredentialError: others can read the server's password.
    """
    plan = make_plan(*read_model(layout))
    operator = PEOPLE[Role.OPERATOR].dn
    administrator = [Grant(operator, vhost, EVERYTHING, EVERYTHING, EVERYTHING) for vhost in plan.topology.vhosts]
    users = {user.name: user for user in plan.users} | {operator: User(operator, tags=("administrator",))}
    return replace(
        plan,
        users=tuple(users[name] for name in sorted(users)),
        grants=(*(grant for grant in plan.grants if grant.user != operator), *administrator),
    )


def read_model(layout: Layout) -> tuple[MessagingModel, Registry]:
    """The queues of the devbroker's own broker, and who is in which group.

    Raises:
        ConfigError: an entry of the files cannot be read.
    """
    files = (str(layout.cfg), str(layout.server_cfg))
    # Only these two files: an installation root without an etc/dirac.cfg keeps out what the machine has.
    sources = LocalSources(cfg_files=files, environment={"DIRAC_ROOT_PATH": str(layout.directory)})
    configuration = load_configuration(sources)
    model = read_messaging(configuration)
    for _, error in model.refused:
        raise error
    service = next(service for service in model.services if service.name == "dev")
    return on_broker(model, service), read_registry(configuration)

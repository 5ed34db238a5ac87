"""The broker of a service as its administrator reaches it: by the management API, or by rabbitmqctl on its host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from diracmq_cli.errors import ConfigError, CredentialError, UnknownDestination, UsageError

if TYPE_CHECKING:
    from diracmq_cli.admin.control import Control
    from diracmq_cli.admin.plan import Plan
    from diracmq_cli.core.model import BrokerService, MessagingModel, Secret
    from diracmq_cli.wiring.setup import Setup

ANSWER_TIMEOUT = 60.0
"""Seconds that a broker may take for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which broker, and how.

    Args:
        service: a service of the CS; everything of the CS that is on the same hosts is meant.
        node: the Erlang node to ask by rabbitmqctl; None asks the management API.
        timeout: seconds for all of it; None: no end, but one for each answer.
    """

    service: str | None
    node: str | None = None
    timeout: float | None = None


def broker_model(setup: Setup, name: str | None) -> MessagingModel:
    """All of the CS that is on the broker of that service.

    Raises:
        UsageError: no service is named.
        UnknownDestination: there is none of that name.
        ConfigError: an entry that may be on this broker cannot be read: to leave it out would be to remove it there.
    """
    from diracmq_cli.admin.topology import on_broker

    model = setup.cs.everything().model
    known = ", ".join(sorted({service.name for service in model.services})) or "none"
    if name is None:
        raise UsageError("which broker is meant", hint=f"name it with --service; known are {known}")
    found = next((service for service in model.services if service.name == name), None)
    part = None if found is None else on_broker(model, found)
    elsewhere = {service.name for service in model.services} - {s.name for s in (part.services if part else ())}
    for address, error in model.refused:
        if address.service not in elsewhere:
            raise error
    if part is None:
        raise UnknownDestination(f"--service: no service {name} in the configuration", hint=f"known are {known}")
    return part


def reach(setup: Setup, model: MessagingModel, plan: Plan, wanted: Reach) -> Control:
    """The way to the broker of ``model``.

    Raises:
        ConfigError: the CS does not say how its management API is reached.
        CredentialError: the local CFG has no password for it that may be used.
    """
    timeout = ANSWER_TIMEOUT if wanted.timeout is None else min(wanted.timeout, ANSWER_TIMEOUT)
    if wanted.node is not None:
        from diracmq_cli.admin.installation import find_rabbitmq
        from diracmq_cli.admin.rabbitmqctl import Rabbitmqctl

        return Rabbitmqctl(find_rabbitmq(), wanted.node, timeout=timeout)
    service = next((service for service in model.services if service.management_url is not None), None)
    management = plan.demands.management
    if service is None or service.management_url is None or management is None:
        raise ConfigError(
            f"{model.services[0].source} has no ManagementURL",
            hint="add one, or use rabbitmqctl on the broker's host with --node rabbit@HOST",
        )
    from diracmq_cli.admin.managementapi import Account, ManagementAPI
    from diracmq_cli.credentials import tls_context

    _check_host(service, service.management_url)
    if service.management_user is None:
        raise ConfigError(f"{service.source} has no ManagementUser")
    account = Account(service.management_user, _password(setup, service))
    context = tls_context(None, setup.ca_directory) if management.tls else None
    return ManagementAPI(service.management_url, account, context, timeout=timeout)


def _check_host(service: BrokerService, url: str) -> None:
    """A password is sent to hosts of its service only: the CS, which all may read, says the URL, but not the secret."""
    host = urlsplit(url).hostname or ""
    hosts = [each.host for each in service.hosts]
    if host not in [each.lower() for each in hosts]:
        raise ConfigError(
            f"{service.source}: ManagementURL names {host}, which is none of the service's hosts ({', '.join(hosts)})",
            hint="a password is sent to hosts of its service only",
        )


def _password(setup: Setup, service: BrokerService) -> Secret:
    from diracmq_cli.config.passwords import find_password

    section = setup.configuration.tree.at(service.source.section)
    password, problem = find_password(setup.configuration, (section,), "ManagementPassword")
    if problem is not None:
        raise problem
    if password is None:
        raise CredentialError(
            f"no ManagementPassword for {service.management_user} of {service.name}",
            hint=f"put it into {service.source.section} of a local CFG file that only you can read (chmod 600)",
        )
    return password

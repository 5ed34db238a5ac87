"""The devbroker's two CFG files: what everybody reads, and what one server reads beside it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence

from diracmq_cli.devbroker.roles import PEOPLE, Role

VHOST = "dirac"
SERVER_LOGIN = "monitor"

_PLACE = re.compile(r"(?m)^\s*(?:Host|Port)\s*=.*$")
_NUMBER = re.compile(r"(?<=[:=\s])\d+(?=\s*(?:,|$))")

_DIRAC_CFG = """\
# Written by `dirac-mq devbroker up`. Yours to change: queues, bindings and rights that are added here are there after
# the next `dirac-mq devbroker start`.
DIRAC
{
  NoSetup = yes
  VirtualOrganization = example
}
Registry
{
  Users
  {
    jdoe
    {
      DN = @USER@
    }
    pilot
    {
      DN = @PILOT@
    }
    olga
    {
      DN = @OPERATOR@
    }
  }
  Groups
  {
    dirac_user
    {
      Users = jdoe
      Properties = NormalUser
    }
    dirac_pilot
    {
      Users = pilot
      Properties = GenericPilot, LimitedDelegation
    }
    dirac_admin
    {
      Users = olga
      Properties = ServiceAdministrator
    }
  }
}
Resources
{
  MQServices
  {
    dev
    {
      MQType = RabbitMQ
      Host = @HOST@
      Port = @PORT@
      VHost = @VHOST@
      TLS = yes
      Queues
      {
        demo.jobs
        {
          Description = jobs for demonstration, dead letters kept
          Type = classic
          Bindings = demo.events:job.#
          DeadLetterQueue = demo.dead
          Publishers = group:dirac_user, group:dirac_pilot
          Consumers = group:dirac_user
          Watchers = group:dirac_user
          Operators = group:dirac_admin
          Movers = group:dirac_admin
        }
        demo.pilots
        {
          Description = what pilots say
          Type = quorum
          DeliveryLimit = 1000000
          Publishers = group:dirac_user, group:dirac_pilot
          Consumers = group:dirac_user
          Watchers = group:dirac_user
        }
        demo.audit
        {
          Description = a stream that can be read again
          Type = stream
          MaxAge = 7D
          Publishers = group:dirac_user, group:dirac_pilot
          Consumers = group:dirac_user
          Watchers = group:dirac_user
        }
        demo.dead
        {
          Description = dead letters of demo.jobs
          Type = classic
          Consumers = group:dirac_user
          Watchers = group:dirac_user
          Operators = group:dirac_admin
        }
      }
      Exchanges
      {
        demo.events
        {
          Type = topic
          Publishers = group:dirac_user, group:dirac_pilot
        }
      }
    }
  }
}
Systems
{
  Framework
  {
    MessageQueueing
    {
      ComponentMonitoring
      {
        Host = @HOST@
        Port = @PORT@
        VHost = @VHOST@
        Publishers = group:dirac_user, group:dirac_pilot
        Consumers = group:dirac_user
        Watchers = group:dirac_user
      }
    }
  }
}
"""

_SERVER_CFG = """\
# Written by `dirac-mq devbroker up`: the local CFG of a server that logs in with user name and password.
# Use it beside dirac.cfg: dirac-mq --cfg @FILE@
Resources
{
  MQServices
  {
    devserver
    {
      MQType = RabbitMQ
      Host = @HOST@
      Port = @PORT@
      VHost = @VHOST@
      TLS = yes
      User = @LOGIN@
      Password = @PASSWORD@
      Queues
      {
        demo.metrics
        {
          Type = classic
          Publishers = user:@LOGIN@
          Consumers = user:@LOGIN@
          Watchers = user:@LOGIN@
        }
      }
    }
  }
}
"""


def dirac_cfg(ports: Sequence[int]) -> str:
    """The CFG of everybody who uses the devbroker, whose nodes have these ``ports``; it holds no secret."""
    people = {f"@{role.name}@": PEOPLE[role].dn for role in Role}
    return _fill(_DIRAC_CFG, people | _where(ports))


def server_cfg(ports: Sequence[int], file: str) -> str:
    """The local CFG of a server, with a new password; ``file`` is where it will be."""
    values = {"@LOGIN@": SERVER_LOGIN, "@FILE@": file, "@PASSWORD@": secrets.token_urlsafe(18)}
    return _fill(_SERVER_CFG, values | _where(ports))


def with_ports(text: str, moved: Mapping[int, int]) -> str:
    """The text of a CFG with new for old ports, in every ``Port`` and every ``Host``."""
    return _PLACE.sub(lambda place: _NUMBER.sub(lambda n: str(moved.get(int(n[0]), n[0])), place[0]), text)


def _where(ports: Sequence[int]) -> dict[str, str]:
    hosts = [f"localhost:{port}" for port in ports] if len(ports) > 1 else ["localhost"]
    return {"@HOST@": ", ".join(hosts), "@PORT@": str(ports[0]), "@VHOST@": VHOST}


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text

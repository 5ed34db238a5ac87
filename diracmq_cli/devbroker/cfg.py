"""The devbroker's two CFG files: what everybody reads, and what one server reads beside it."""

from __future__ import annotations

import re
import secrets

from diracmq_cli.devbroker.roles import PEOPLE, Role

VHOST = "dirac"
SERVER_LOGIN = "monitor"

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
      Host = localhost
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
        Host = localhost
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
      Host = localhost
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


def dirac_cfg(port: int) -> str:
    """The CFG of everybody who uses the devbroker; it holds no secret."""
    people = {f"@{role.name}@": PEOPLE[role].dn for role in Role}
    return _fill(_DIRAC_CFG, people | {"@PORT@": str(port), "@VHOST@": VHOST})


def server_cfg(port: int, file: str) -> str:
    """The local CFG of a server, with a new password; ``file`` is where it will be."""
    values = {"@PORT@": str(port), "@VHOST@": VHOST, "@LOGIN@": SERVER_LOGIN, "@FILE@": file}
    return _fill(_SERVER_CFG, values | {"@PASSWORD@": secrets.token_urlsafe(18)})


def with_port(text: str, old: int, new: int) -> str:
    """The text of a CFG with every ``Port = old`` changed."""
    return re.sub(rf"(?m)^(\s*Port\s*=\s*){old}(\s*)$", rf"\g<1>{new}\g<2>", text)


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text

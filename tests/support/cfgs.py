"""CFG files for tests, and the configuration that they make with nothing of this machine in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from diracmq_cli.config import Configuration, LocalSources, load_configuration, read_messaging
from diracmq_cli.core.model import MessagingModel

FULL = """
DIRAC
{
  Setup = Prod
  VirtualOrganization = lhcb
  PreferredURLPatterns = https://.*
  Configuration
  {
    Servers = https://a:8443/Configuration/Server, dips://b:9135/Configuration/Server
  }
  Security
  {
    UseServerCertificate = yes
    CertFile = /c.pem
    KeyFile = /k.pem
    CALocation = /ca
    Grid-Security = /gs
  }
}
LocalSite
{
  Site = LCG.CERN.ch
  GridCE = ce1.cern.ch
}
Registry
{
  Groups
  {
    lhcb_user
    {
      VO = lhcb
    }
    dirac_admin
    {
      Users = jane
    }
  }
}
Resources
{
  MQServices
  {
    full
    {
      Host = mq1, [::1]:5673
      VHost = dirac
      User = robot
      Password = s3cret
      HostOrder = listed
      ManagementURL = https://mq1:15671
      ManagementUser = admin
      MaxConnections = 100
      MaxPilotConnections = 20000
      Queues
      {
        jobs
        {
          Type = quorum
          Exchange = in
          RoutingKey = key
          Bindings = ev:job.#, all:
          DeadLetterQueue = dead
          MessageTTL = 7d
          MaxLength = 10
          MaxLengthBytes = 10M
          Overflow = reject-publish
          DeliveryLimit = 5
          ConsumerTimeout = 24h
          Description = Grüße
          Contact = jane@example.org
          Origin = signed
          AllowedDNs = user:f, /DC=org/CN=Roe, John
          AllowedGroups = lhcb_user
          Publishers = group:a, /DC=org/CN=Doe, Jane, user:robot
          Consumers = user:b
          Watchers = user:c
          Operators = user:d
          Movers = user:e
        }
        dead
        {
          MaxPriority = 5
        }
        log
        {
          Type = stream
          MaxAge = 7d
        }
        bad
        {
          Type = bad
        }
      }
      Exchanges
      {
        ev
        {
          Type = fanout
          Description = Events
          Publishers = user:a
          Watchers = group:b
        }
      }
    }
    stomp
    {
      MQType = Stomp
      Host = localhost
      TLS = no
      Port = 61613
      Queues
      {
        q
        {
        }
      }
      Topics
      {
        t
        {
        }
      }
    }
    broken
    {
      Queues
      {
        lost
        {
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
      Host = mq2
      User = logger
      Logs
      {
      }
    }
  }
}
"""
"""A CFG that uses every option there is, and has an entry of each kind that is refused."""


def write_cfg(directory: Path, text: str, name: str = "dirac.cfg", mode: int = 0o644) -> str:
    """Write ``text`` into a file and return its name."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def load(
    *files: str, options: tuple[str, ...] = (), environment: Mapping[str, str] | None = None, root: str = "/nonexistent"
) -> Configuration:
    """Load ``files`` as ``--cfg``; the later has precedence."""
    return load_configuration(LocalSources(options, files, {"DIRAC_ROOT_PATH": root, **(environment or {})}))


def model_of(directory: Path, text: str, *, options: tuple[str, ...] = (), mode: int = 0o644) -> MessagingModel:
    """The model that a CFG of this text makes."""
    return read_messaging(load(write_cfg(directory, text, mode=mode), options=options))


def mq_service(body: str, *, name: str = "mq", head: str = "Host = mq1.example.org") -> str:
    """A CFG with one entry of MQServices: its options, then its sections."""
    return f"Resources\n{{\nMQServices\n{{\n{name}\n{{\n{head}\n{body}\n}}\n}}\n}}\n"


def one_queue(options: str, *, name: str = "jobs", head: str = "Host = mq1.example.org") -> str:
    """A CFG whose service ``mq`` has a queue with these options, and a queue ``dead``."""
    return mq_service(f"Queues\n{{\n{name}\n{{\n{options}\n}}\ndead\n{{\n}}\n}}", head=head)

"""The Configuration Service as files give it: DIRAC's CFGs merged in DIRAC's order, read into the typed model."""

from diracmq_cli.config.configuration import Configuration
from diracmq_cli.config.messaging import read_messaging
from diracmq_cli.config.registry import read_registry
from diracmq_cli.config.security import read_security
from diracmq_cli.config.sources import LocalSources, load_configuration

__all__ = [
    "Configuration",
    "LocalSources",
    "load_configuration",
    "read_messaging",
    "read_registry",
    "read_security",
]

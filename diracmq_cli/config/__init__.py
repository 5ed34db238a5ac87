"""The Configuration Service: DIRAC's CFGs merged in DIRAC's order, local and remote, read into the typed model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration
    from diracmq_cli.config.consumers import consumer_section, module_option, read_consumer
    from diracmq_cli.config.cs import ConfigurationService
    from diracmq_cli.config.extract import Extract
    from diracmq_cli.config.loading import load_configuration
    from diracmq_cli.config.messaging import read_messaging
    from diracmq_cli.config.minimal import minimal_cfg
    from diracmq_cli.config.registry import read_registry
    from diracmq_cli.config.remote.access import Credential, RemoteAccess
    from diracmq_cli.config.security import read_security
    from diracmq_cli.config.settings import Setting, explain
    from diracmq_cli.config.sources import LocalSources

__all__ = [
    "Configuration",
    "ConfigurationService",
    "Credential",
    "Extract",
    "LocalSources",
    "RemoteAccess",
    "Setting",
    "consumer_section",
    "explain",
    "load_configuration",
    "minimal_cfg",
    "module_option",
    "read_consumer",
    "read_messaging",
    "read_registry",
    "read_security",
]

_HOMES = {
    "Configuration": "configuration",
    "ConfigurationService": "cs",
    "Credential": "remote.access",
    "Extract": "extract",
    "LocalSources": "sources",
    "RemoteAccess": "remote.access",
    "Setting": "settings",
    "consumer_section": "consumers",
    "explain": "settings",
    "load_configuration": "loading",
    "minimal_cfg": "minimal",
    "module_option": "consumers",
    "read_consumer": "consumers",
    "read_messaging": "messaging",
    "read_registry": "registry",
    "read_security": "security",
}
"""Where each name lives: all of them together cost three times what a command has for its configuration."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

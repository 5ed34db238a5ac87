"""Import in one go what a sender imports bit by bit.

A process that forks while another of its threads imports a module leaves its child with half of it, for good. So what
sends in the background is imported before there is a background.
"""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    "diracmq_cli.broker.connect",
    "diracmq_cli.config.cs",
    "diracmq_cli.config.loading",
    "diracmq_cli.config.plain",
    "diracmq_cli.config.reading",
    "diracmq_cli.config.remote.access",
    "diracmq_cli.config.remote.snapshot",
    "diracmq_cli.credentials.delegation",
    "diracmq_cli.credentials.locations",
    "diracmq_cli.credentials.passphrase",
    "diracmq_cli.credentials.preloading",
    "diracmq_cli.credentials.reader",
    "diracmq_cli.credentials.signingkey",
    "diracmq_cli.credentials.tls",
    "diracmq_cli.origin",
    "diracmq_cli.origin.verify",
    "diracmq_cli.wiring.keeping",
    "encodings.idna",  # socket.getaddrinfo
    "encodings.utf_8_sig",  # a CFG file
)


def preload() -> None:
    """Import everything that publishing may need."""
    for name in _MODULES:
        import_module(name)

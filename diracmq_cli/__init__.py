"""Command-line messaging for DIRAC over RabbitMQ, with grid certificates and RFC 3820 proxies."""

from diracmq_cli.version import __version__

__all__ = ["__version__"]

"""CFG files for tests, and the configuration that they make with nothing of this machine in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from diracmq_cli.config import Configuration, LocalSources, load_configuration, read_messaging
from diracmq_cli.core.model import MessagingModel


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

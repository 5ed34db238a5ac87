"""Where the configuration is read from, in DIRAC's order (``LocalConfiguration.py``), and reading it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce

from diracmq_cli.config.cfgfile import CfgFile, read_cfg_file
from diracmq_cli.config.configuration import Configuration
from diracmq_cli.config.overrides import parse_overrides
from diracmq_cli.config.tree import merge
from diracmq_cli.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LocalSources:
    """What the command line and the environment say about the configuration.

    ``options`` are the arguments of ``-o``, ``cfg_files`` those of ``--cfg``, both in their order.
    """

    options: tuple[str, ...] = ()
    cfg_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """DIRAC's installation root."""
        named = (self.environment.get(name) for name in ("DIRAC_ROOT_PATH", "DIRAC", "DIRACOS"))
        return next(filter(None, named), sys.prefix)


def load_configuration(sources: LocalSources) -> Configuration:
    """Read and merge everything that ``sources`` name.

    Raises:
        UsageError: an ``-o`` that is no ``/Section/Option=value``, or that holds a password.
        ConfigError: a file named by ``--cfg`` or ``DIRAC_MQ_CFG`` is missing, or any file cannot be read.
    """
    overrides = parse_overrides(sources.options)
    files = _read(sources)
    trees = [overrides, *(file.tree for file in files)]
    return Configuration(
        tree=reduce(merge, trees),
        files=tuple(file.name for file in files),
        root=sources.root,
        exposed={file.name: file.exposure for file in files if file.exposure is not None},
    )


def _read(sources: LocalSources) -> list[CfgFile]:
    """The files, highest precedence first; one that is named twice counts where it ranks higher."""
    files: dict[str, CfgFile] = {}
    for name, who in _names(sources):
        if name in files:
            continue
        try:
            files[name] = read_cfg_file(name)
        except FileNotFoundError as error:
            if who is not None:
                raise ConfigError(f"{who} names {name}, which does not exist") from error
    return list(files.values())


def _names(sources: LocalSources) -> Iterator[tuple[str, str | None]]:
    """Each file's name, and who insists that it exists (None: it may be missing)."""
    environment = sources.environment
    for name in reversed(sources.cfg_files):
        yield name, "--cfg"
    if environment.get("DIRAC_MQ_CFG"):
        yield environment["DIRAC_MQ_CFG"], "DIRAC_MQ_CFG"
    if environment.get("HOME"):
        yield f"{environment['HOME']}/.dirac.cfg", None
    for name in environment.get("DIRACSYSCONFIG", "").split(","):
        if name.strip():
            yield name.strip(), None
    yield f"{sources.root}/etc/dirac.cfg", None

"""Read the local files, and lay them over each other."""

from __future__ import annotations

from functools import reduce

from diracmq_cli.config.cfgfile import CfgFile, read_cfg_file
from diracmq_cli.config.configuration import Configuration
from diracmq_cli.config.overrides import parse_overrides
from diracmq_cli.config.sources import LocalSources, source_names
from diracmq_cli.config.tree import merge
from diracmq_cli.errors import ConfigError


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
    for name, who in source_names(sources):
        if name in files:
            continue
        try:
            files[name] = read_cfg_file(name)
        except FileNotFoundError as error:
            if who is not None:
                raise ConfigError(f"{who} names {name}, which does not exist") from error
    return list(files.values())

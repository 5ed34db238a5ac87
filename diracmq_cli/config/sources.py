"""Where the configuration is read from, in DIRAC's order (``LocalConfiguration.py``)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


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


def source_names(sources: LocalSources) -> Iterator[tuple[str, str | None]]:
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

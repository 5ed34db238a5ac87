"""The environment that makes a shell, or a program, one of the devbroker's people."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from diracmq_cli.devbroker.lifecycle import find
from diracmq_cli.devbroker.roles import Role

PROGRAM = "dirac-mq"


def environment(directory: Path | None = None, role: Role = Role.USER) -> dict[str, str]:
    """The variables to set: whose proxy, which authorities, which CFG, and where our commands are.

    Raises:
        NothingThere: there is no devbroker.
    """
    layout = find(directory)
    return {
        "X509_USER_PROXY": str(layout.proxy(role)),
        "X509_CERT_DIR": str(layout.certificates),
        "DIRACSYSCONFIG": str(layout.cfg),
        "PATH": _path_with(_scripts()),
    }


def _scripts() -> Path:
    """The directory of the running command, or of this Python's commands when it is called in another way."""
    called = Path(sys.argv[0])
    if called.name.startswith(PROGRAM) and called.parent.joinpath(PROGRAM).is_file():
        return called.parent.absolute()
    return Path(sysconfig.get_path("scripts"))


def _path_with(first: Path) -> str:
    others = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry != str(first)]
    return os.pathsep.join([str(first), *others])

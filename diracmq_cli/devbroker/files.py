"""Files and directories whose mode does not depend on the caller's umask: the broker may be another user."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def write_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file of that mode in one step: whoever reads it meanwhile sees the old one or the new one."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), mode)
    Path(temporary).replace(path)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    write_file(path, text, mode=0o600)


def make_directory(path: Path, mode: int = 0o755) -> None:
    """Make a directory (and the ones above it) unless it is there, and give it that mode."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def let_everybody_read(tree: Path) -> None:
    """Let everybody read the files under ``tree`` and enter its directories."""
    for path in (tree, *tree.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | (0o755 if path.is_dir() else 0o444))

"""The bundle for worker nodes, built as ``make pilot`` builds it, and nodes to run it on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from support.broker import Completed

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / "build/pilot-wheels"
"""Where ``make`` keeps the wheels of the bundle; it fetches them before it runs the tests."""

PROGRAMS = (
    "dirac-mq",
    "dirac-mq-send",
    "dirac-mq-tail",
    "dirac-mq-list",
    "dirac-mq-consume",
    "dirac-mq-peek",
    "dirac-mq-check",
    "dirac-consumer",
)

_SANDBOX = """
mount --make-rprivate / && mount --bind "$1" "$1" || exit 99
for point in $(cut -d' ' -f5 /proc/self/mountinfo); do
    case $point in "$1" | /proc* | /sys*) ;; *) mount -o remount,bind,ro "$point" ;; esac
done 2>/dev/null
cd "$1" || exit 99
for elsewhere in / /tmp /var/tmp /dev/shm "$2"; do
    ! touch "$elsewhere/dirac-mq-was-here" 2>/dev/null || exit 98
done
shift 2
ulimit -v 2097152 || exit 97
exec "$@" <&-
"""
"""Everything but the first directory is read-only, and this is seen to; 2 GB of address space; no standard input."""


@dataclass(frozen=True)
class Bundle:
    """What was built: the two archives, and the first one unpacked."""

    archive: Path
    pyz: Path
    tree: Path


def build(out: Path, source: Path = ROOT, **environment: str) -> tuple[Path, Path]:
    """Build the bundle of a checkout; the tar archive and the program."""
    subprocess.run(
        [sys.executable, source / "packaging/pilot/build.py", "--wheels", WHEELS, "--out", out],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment},
        timeout=120,
    )
    (archive,), (pyz,) = out.glob("*.tar.gz"), out.glob("*.pyz")
    return archive, pyz


def unpack(archive: Path, directory: Path) -> Path:
    """Unpack the tree; its directory."""
    with tarfile.open(archive) as packed:
        packed.extractall(directory, filter="tar")
    (tree,) = directory.iterdir()
    return tree


def python_of_a_node(directory: Path, *, m2crypto: bool = True) -> Path:
    """A Python without pip that has M2Crypto at most; the directory of its commands."""
    venv.create(directory, with_pip=False, symlinks=True)
    if m2crypto:
        found = find_spec("M2Crypto")
        assert found is not None
        assert found.origin is not None
        (site,) = directory.glob("lib/python*/site-packages")
        shutil.copytree(Path(found.origin).parent, site / "M2Crypto")
    return directory / "bin"


def run(argv: Sequence[str | Path], python: Path, cwd: Path, **environment: str) -> Completed:
    """Run a command as ``env -i PATH=…`` does; what is on the PATH is the node's Python and this system's."""
    return _run(argv, {"PATH": f"{python}:/usr/bin:/bin", **environment}, cwd)


def run_confined(
    argv: Sequence[str | Path], python: Path, cwd: Path, environment: Mapping[str, str], *, network: bool
) -> Completed:
    """The same, where only ``cwd`` can be written to, in 2 GB, without standard input and, if so, without a network."""
    spaces = ["unshare", "--mount", *([] if network else ["--net"]), *([] if os.geteuid() == 0 else ["-r"])]
    inner = ["/bin/sh", "-c", _SANDBOX, "sandbox", cwd, python.parent, *argv]
    return _run([*spaces, *inner], {"PATH": f"{python}:/usr/bin:/bin", **environment}, cwd)


def may_unshare() -> bool:
    """Whether this system lets us make namespaces of our own."""
    spaces = ["unshare", "--mount", "--net", *([] if os.geteuid() == 0 else ["-r"])]
    return subprocess.run([*spaces, "mount", "--make-rprivate", "/"], capture_output=True, check=False).returncode == 0


def _run(argv: Sequence[str | Path], environment: Mapping[str, str], cwd: Path) -> Completed:
    done = subprocess.run(
        list(map(str, argv)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        env=dict(environment),
        cwd=cwd,
        check=False,
    )
    stdout, stderr = (stream.decode(errors="backslashreplace") for stream in (done.stdout, done.stderr))
    return Completed(done.returncode, stdout, stderr, done.stdout)

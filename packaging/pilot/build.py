"""Build the bundle for worker nodes: ``build.py --wheels DIR --out DIR`` (``make pilot``).

It makes ``dirac-mq-pilot-VERSION.tar.gz``, a tree that runs where it is unpacked, and ``dirac-mq-pilot-VERSION.pyz``,
the same commands in one file. The same commit gives the same octets: every time is the commit's (or
``$SOURCE_DATE_EPOCH``), every order is by name, and nothing tells where or by whom it was built.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import io
import marshal
import os
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = "diracmq_cli"
NOT_TAKEN = ("RECORD", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json", "top_level.txt", "entry_points.txt")
"""Files of a ``.dist-info`` that only an installer needs; the licences and the versions stay."""

OLDEST = 315532800
"""1980-01-01, before which a zip archive knows no time: for sources that are in no repository."""

UNIX = 3
"""The system that a zip archive was made on, which tells what its modes mean."""

Project = dict[str, Any]


@dataclass(frozen=True)
class File:
    """One file of the bundle."""

    octets: bytes
    mode: int = 0o644


Tree = dict[str, File]


def main() -> None:
    """Write both archives and show their digests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True, help="where the wheels of requirements.txt are")
    parser.add_argument("--out", type=Path, required=True, help="where the archives go")
    options = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    name = f"dirac-mq-pilot-{project['project']['version']}"
    libraries = {**packages(options.wheels), **ours(), "__main__.py": File((HERE / "start.py").read_bytes())}
    modules = sorted(
        path for path in libraries if path.endswith(".py")
    )  # marshal's octets may depend on what came before
    compiled = {path: bytecode(path, libraries[path].octets) for path in modules}
    launcher = (HERE / "launcher.sh").read_text()
    when = epoch()
    options.out.mkdir(parents=True, exist_ok=True)
    for file, octets in (
        (f"{name}.tar.gz", tar(name, {**tree(libraries, compiled), **surroundings(project, launcher)}, when)),
        (f"{name}.pyz", pyz(launcher, libraries, compiled, when)),
    ):
        target = options.out / file
        target.write_bytes(octets)
        target.chmod(0o755 if file.endswith(".pyz") else 0o644)
        print(f"{hashlib.sha256(octets).hexdigest()}  {target}")  # noqa: T201 - as sha256sum(1) writes it


def packages(wheels: Path) -> Tree:
    """What is in the wheels, which must be exactly those that requirements.txt names."""
    lines = (HERE / "requirements.txt").read_text().splitlines()
    wanted = {line.split()[0].replace("-", "_").replace("==", "-") for line in lines if not line.startswith("#")}
    found = {"-".join(wheel.name.split("-")[:2]): wheel for wheel in wheels.glob("*.whl")}
    if found.keys() != wanted:
        sys.exit(f"{wheels} holds {', '.join(sorted(found))}, and not {', '.join(sorted(wanted))}")
    files: Tree = {}
    for wheel in found.values():
        if not wheel.name.endswith("-none-any.whl"):
            sys.exit(f"{wheel.name} is made for one kind of machine")
        with zipfile.ZipFile(wheel) as archive:
            for path in archive.namelist():
                folder, _, leaf = path.rpartition("/")
                if leaf and not (folder.endswith(".dist-info") and leaf in NOT_TAKEN):
                    files[path] = File(archive.read(path))
    return files


def ours() -> Tree:
    """The package, as it lies in this checkout."""
    return {
        str(path.relative_to(ROOT)): File(path.read_bytes())
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def bytecode(path: str, source: bytes) -> bytes:
    """The ``.pyc`` of a module that nobody will change: "unchecked", with the source's hash and no time (PEP 552)."""
    code = compile(source, path, "exec", dont_inherit=True)
    flags = 0b01.to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)


def tree(libraries: Tree, compiled: dict[str, bytes]) -> Tree:
    """``lib``: the modules, and their bytecode where this version of Python looks for it."""
    return {
        **{f"lib/{path}": file for path, file in libraries.items()},
        **{importlib.util.cache_from_source(f"lib/{path}"): File(octets) for path, octets in compiled.items()},
    }


def surroundings(project: Project, launcher: str) -> Tree:
    """``bin`` and ``share``: what pyproject.toml installs beside the package, and what only the bundle has."""
    files: Tree = {
        "LICENSE": File((ROOT / "LICENSE").read_bytes()),
        "setup.sh": File((HERE / "setup.sh").read_bytes()),
        "share/doc/dirac-mq/pilot-wrapper.sh": File((ROOT / "examples/pilot-wrapper.sh").read_bytes(), 0o755),
    }
    for program in project["project"]["scripts"]:
        files[f"bin/{program}"] = File(launch(launcher, program, "${self%/bin/*}/lib"), 0o755)
    for source, target in project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"].items():
        for path in (ROOT / source).iterdir():
            files[f"{target}/{path.name}"] = File(path.read_bytes())
    return files


def launch(launcher: str, program: str, code: str) -> bytes:
    """A shell script that starts ``program``, whose modules are in ``code``."""
    return launcher.replace("@PROGRAM@", program).replace("@CODE@", code).encode()


def tar(name: str, files: Tree, when: int) -> bytes:
    """A tar.gz of one directory."""
    packed = io.BytesIO()
    folders = {str(folder) for path in files for folder in PurePosixPath(name, path).parents} - {"."}
    members = {**{f"{name}/{path}": file for path, file in files.items()}, **dict.fromkeys(folders)}
    with (
        gzip.GzipFile("", "wb", fileobj=packed, mtime=when) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path, file in sorted(members.items()):
            member = tarfile.TarInfo(path)
            member.mtime, member.uname, member.gname = when, "root", "root"
            if file is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size, member.mode = len(file.octets), file.mode
                archive.addfile(member, io.BytesIO(file.octets))
    return packed.getvalue()


def pyz(launcher: str, libraries: Tree, compiled: dict[str, bytes], when: int) -> bytes:
    """A zip archive that is a program: the launcher before it, which ends before it comes to the archive."""
    packed = io.BytesIO()
    packed.write(launch(launcher, "${0##*/}", "$self"))
    members = {path: file.octets for path, file in libraries.items()}
    members |= {f"{path}c": octets for path, octets in compiled.items()}  # beside the source: zipimport looks there
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, octets in sorted(members.items()):
            member = zipfile.ZipInfo(path, time.gmtime(when)[:6])
            member.create_system, member.external_attr = UNIX, 0o100644 << 16
            archive.writestr(member, octets, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def epoch() -> int:
    """Seconds since 1970 that everything in the bundle is dated with: the commit's, or ``$SOURCE_DATE_EPOCH``."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said is None:
        git = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
        said = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return max(int(said or OLDEST), OLDEST)


if __name__ == "__main__":
    main()

"""What the bundle holds, and that the same commit always gives the same octets."""

from __future__ import annotations

import ast
import importlib.util
import re
import runpy
import shutil
import tarfile
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from support.pilot import PROGRAMS, ROOT, Bundle, build

START = ROOT / "packaging/pilot/start.py"


def _project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _members(bundle: Bundle) -> list[tarfile.TarInfo]:
    with tarfile.open(bundle.archive) as archive:
        return archive.getmembers()


def test_it_is_reproducible(bundle: Bundle, tmp_path: Path) -> None:
    """A copy elsewhere, built in another time zone with another seed of hashes and newer files: the same octets."""
    copy = tmp_path / "elsewhere"
    taken = ("diracmq_cli", "packaging", "man", "man7", "completions", "examples")
    for name in taken:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"), copy_function=_anew)
    for name in ("pyproject.toml", "LICENSE"):
        _anew(ROOT / name, copy / name)
    when = str(_members(bundle)[0].mtime)
    archive, pyz = build(tmp_path / "dist", copy, SOURCE_DATE_EPOCH=when, TZ="Asia/Tokyo", PYTHONHASHSEED="7")
    assert archive.name == bundle.archive.name
    assert archive.read_bytes() == bundle.archive.read_bytes()
    assert pyz.read_bytes() == bundle.pyz.read_bytes()


def _anew(source: str | Path, target: str | Path) -> None:
    shutil.copyfile(source, target)


def test_the_archive_is_plain(bundle: Bundle) -> None:
    """All of it below one directory, sorted, of one time, root's, writable by nobody else; no extension module."""
    members = _members(bundle)
    names = [member.name for member in members]
    assert names == sorted(names)
    assert {name.partition("/")[0] for name in names} == {bundle.archive.name.removesuffix(".tar.gz")}
    assert len({member.mtime for member in members}) == 1
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "root")}
    assert {oct(member.mode) for member in members} == {"0o644", "0o755"}
    assert [name for name in names if re.search(r"\.so\b|\.pth$", name)] == []


def test_it_holds_what_is_installed(bundle: Bundle) -> None:
    """Every program, man page and completion of the installed package, and the licence of everything taken along."""
    scripts = _project()["scripts"]
    assert sorted(path.name for path in bundle.tree.joinpath("bin").iterdir()) == sorted(scripts) == sorted(PROGRAMS)
    commands = runpy.run_path(str(START), run_name="read")["COMMANDS"]
    assert {name: f"diracmq_cli.cli:{function}" for name, function in commands.items()} == scripts
    share = {path.name for path in bundle.tree.joinpath("share").rglob("*") if path.is_file()}
    there = {
        path.name for folder in ("man", "man7", "completions") for path in (ROOT / folder).rglob("*") if path.is_file()
    }
    assert share == there | {"pilot-wrapper.sh"}
    for info in bundle.tree.glob("lib/*.dist-info"):
        assert [path.name for path in info.rglob("LICENSE*")] or info.name.startswith("mdurl"), f"{info.name}: none"


def test_bytecode_is_not_checked_against_times(bundle: Bundle) -> None:
    """Each module has its bytecode, bound to its source by a hash and never looked at again (PEP 552)."""
    modules = sorted(bundle.tree.joinpath("lib").rglob("*.py"))
    assert len(modules) > 300
    for module in modules:
        compiled = Path(importlib.util.cache_from_source(str(module))).read_bytes()
        assert compiled[4:8] == b"\x01\0\0\0"
        assert compiled[8:16] == importlib.util.source_hash(module.read_bytes())
    with zipfile.ZipFile(bundle.pyz) as archive:
        names = set(archive.namelist())
    sources = {name for name in names if name.endswith(".py")}
    assert {f"{name}c" for name in sources} <= names


def test_what_it_takes_along_suits_the_package() -> None:
    """requirements.txt has every dependency but M2Crypto, in a version that pyproject.toml allows."""
    lines = (ROOT / "packaging/pilot/requirements.txt").read_text().splitlines()
    locked = dict(line.split()[0].split("==") for line in lines if not line.startswith("#"))
    wanted = [Requirement(text) for text in _project()["dependencies"]]
    for requirement in wanted:
        if requirement.name != "M2Crypto":
            assert requirement.specifier.contains(locked[requirement.name]), requirement.name
    assert "M2Crypto" not in locked


def test_an_old_python_can_read_how_it_starts() -> None:
    """What refuses an old Python must be readable to it; the oldest in the field is EL 7's 3.6."""
    ast.parse(START.read_text(), feature_version=(3, 6))

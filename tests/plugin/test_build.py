"""Building the plugin: what is written, that it is reproducible, and what is said where something is missing."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.chain_server import SOURCES

from diracmq_cli.admin.installation import find_rabbitmq
from diracmq_cli.admin.plugin import build_plugin
from diracmq_cli.errors import ConfigError
from diracmq_cli.version import __version__


def contents(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_layout_is_what_rabbitmq_loads(plugin: Path) -> None:
    """``NAME-VERSION/ebin`` holds a beam for each source, and an application file that names them all."""
    assert plugin.name == f"rabbitmq_grid_proxy-{__version__}"
    modules = {path.stem for path in SOURCES.glob("*.erl")}
    assert {path.name for path in (plugin / "ebin").iterdir()} == {f"{m}.beam" for m in modules} | {
        "rabbitmq_grid_proxy.app"
    }
    app = (plugin / "ebin" / "rabbitmq_grid_proxy.app").read_text()
    listed = re.search(r"\{modules, \[([^]]*)\]\}", app)
    assert listed is not None
    assert set(listed[1].split(", ")) == modules
    assert f'{{vsn, "{__version__}"}}' in app
    assert "@" not in app


def test_same_sources_give_same_octets(plugin: Path, tmp_path: Path) -> None:
    """A build in another directory differs in no octet."""
    assert contents(build_plugin(tmp_path / "new")) == contents(plugin)


def test_building_again_leaves_nothing_of_before(tmp_path: Path) -> None:
    """An earlier build of the same version is replaced whole, and no scratch directory stays."""
    first = build_plugin(tmp_path)
    (first / "ebin" / "gone.beam").touch()
    again = build_plugin(tmp_path)
    assert again == first
    assert not (again / "ebin" / "gone.beam").exists()
    assert list(tmp_path.iterdir()) == [again]


def test_compiles_without_a_warning(tmp_path: Path) -> None:
    """What the compiler would complain of is mended, not shipped."""
    sources = sorted(SOURCES.glob("*.erl"))
    common = next(find_rabbitmq().plugins.glob("rabbit_common-*/ebin"))
    done = subprocess.run(
        ["erlc", "-Wall", "-Werror", "+warn_export_all", "-pa", common, "-o", tmp_path, *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_no_rabbitmq(tmp_path: Path) -> None:
    """The refusal names the place and the hint the package."""
    with pytest.raises(ConfigError, match=str(tmp_path)) as caught:
        build_plugin(tmp_path / "out", rabbitmq_home=tmp_path)
    assert caught.value.hint == "apt-get install rabbitmq-server"


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without erlc the hint names the package that brings it, and nothing is written."""
    monkeypatch.setattr("diracmq_cli.admin.installation._SYSTEM_PATH", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="erlc") as caught:
        build_plugin(tmp_path / "out")
    assert caught.value.hint == "apt-get install erlang-base"
    assert not (tmp_path / "out").exists()


def test_failed_build_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that do not compile are an error with the compiler's words, and the last good build stays."""
    good = build_plugin(tmp_path / "out")
    before = contents(good)
    package = tmp_path / "package" / "rabbitmq_grid_proxy"
    shutil.copytree(SOURCES, package)
    (package / "rabbit_grid_proxy_dn.erl").write_text("-module(rabbit_grid_proxy_dn).\nbroken(\n")
    monkeypatch.setattr("diracmq_cli.admin.plugin.files", lambda _: package.parent)
    with pytest.raises(ConfigError, match=r"rabbit_grid_proxy_dn\.erl:"):
        build_plugin(tmp_path / "out")
    assert contents(good) == before
    assert list((tmp_path / "out").iterdir()) == [good]

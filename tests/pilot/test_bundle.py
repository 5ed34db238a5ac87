"""The bundle on a worker node: nothing but a Python with M2Crypto, and nowhere to write but the working directory."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.broker import Broker, Completed
from support.pilot import PROGRAMS, Bundle, may_unshare, python_of_a_node, run, run_confined
from support.queues import QueueFactory

FORMS = ("tree", "pyz")


def _program(bundle: Bundle, form: str, program: str) -> list[str | Path]:
    """What to type for a program of the suite."""
    if form == "tree":
        return [bundle.tree / "bin" / program]
    return [bundle.pyz, *program.removeprefix("dirac-mq").removeprefix("-").split()]


def _pilot(broker: Broker) -> dict[str, str]:
    """What DIRAC tells its pilots: who they are, whom to trust and where the configuration is."""
    return {name: value for name, value in broker.env().items() if name.startswith(("X509_", "DIRACSYSCONFIG"))}


def _refused(done: Completed, status: int, *said: str) -> None:
    """It ended with ``status``, one line of error, one of hint, and nothing on stdout."""
    assert (done.status, done.stdout) == (status, ""), done.stderr
    error, hint = done.stderr.splitlines()
    assert ": error: " in error
    assert ": hint: " in hint
    for text in said:
        assert text in done.stderr


@pytest.mark.parametrize("form", FORMS)
def test_a_pilots_day(
    bundle: Bundle, node: Path, devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, form: str
) -> None:
    """No HOME, no stdin, 2 GB, a read-only tree: without a route it keeps, with one it flushes and sends, and takes."""
    if not may_unshare():
        pytest.skip("this system lets nobody make namespaces")
    name, cfg = make_queue()
    work = tmp_path / "work"
    work.mkdir()
    environment = {**_pilot(devbroker), "DIRAC_PILOT_STAMP": "0123abcd", "DIRAC_MQ_CFG": str(cfg)}

    def do(program: str, *argv: str, network: bool) -> Completed:
        return run_confined([*_program(bundle, form, program), *argv], node, work, environment, network=network)

    kept = do("dirac-mq-send", name, "-m", "one", "--spool", network=False)
    assert (kept.status, kept.stdout) == (5, ""), kept.stderr
    assert [path.name for path in work.iterdir()] == [".dirac-mq-spool"]
    nowhere = do("dirac-mq", "spool", "flush", "-t", "2s", network=False)
    assert (nowhere.status, nowhere.stdout) == (75, ""), nowhere.stderr
    assert "network is unreachable" in nowhere.stderr
    lost = do("dirac-mq-send", name, "-m", "lost", network=False)
    assert (lost.status, lost.stdout) == (69, ""), lost.stderr
    unknown = ("-o", "/Resources/MQServices/dev/Host=mq.example.org")
    nobody = do("dirac-mq-send", name, "-m", "lost", *unknown, network=False)
    assert (nobody.status, nobody.stdout) == (68, ""), nobody.stderr
    closed = do("dirac-mq-send", name, "-l", network=True)
    assert (closed.status, closed.stdout) == (2, "")
    assert "standard input is closed" in closed.stderr

    flushed = do("dirac-mq", "spool", "flush", network=True)
    assert flushed.status == 0, flushed.stderr
    sent = do("dirac-mq-send", name, "-m", "two", "--spool", network=True)
    assert (sent.status, sent.stdout) == (0, ""), sent.stderr
    taken = do("dirac-mq-consume", name, "--drain", "-F", r"%{header:dirac-pilot} %{body}\n", network=True)
    assert (taken.status, taken.stdout) == (0, "0123abcd one\n0123abcd two\n"), taken.stderr
    assert [path.name for path in work.iterdir()] == [".dirac-mq-spool"]


def test_every_program_starts(bundle: Bundle, node: Path, tmp_path: Path) -> None:
    """From a tree that could be written to, and is not; from a shell of another directory."""
    tree = tmp_path / "tree"
    shutil.copytree(bundle.tree, tree)
    before = sorted(tree.rglob("*"))
    for program in PROGRAMS:
        done = run([tree / "bin" / program, "--help"], node, tmp_path)
        assert (done.status, done.stderr) == (0, "")
        assert done.stdout.split()[:2] == ["Usage:", program]
    assert sorted(tree.rglob("*")) == before


@pytest.mark.parametrize("form", FORMS)
def test_links(bundle: Bundle, node: Path, tmp_path: Path, form: str) -> None:
    """A link of any name starts what it leads to; one to the archive bears the name of the program that is meant."""
    link = tmp_path / ("note" if form == "tree" else "dirac-mq-peek")
    over = tmp_path / "over"
    over.symlink_to(bundle.tree / "bin/dirac-mq-peek" if form == "tree" else bundle.pyz)
    link.symlink_to("over")
    done = run([f"./{link.name}", "--help"], node, tmp_path)
    assert (done.status, done.stdout.split()[:2]) == (0, ["Usage:", "dirac-mq-peek"]), done.stderr


def test_python_runs_the_archive(bundle: Bundle, node: Path, tmp_path: Path) -> None:
    """``python3 dirac-mq.pyz VERB`` does what ``dirac-mq VERB`` does, arguments with spaces and all."""
    done = run(["python3", bundle.pyz, "send", "--cfg", "no file", "a queue"], node, tmp_path)
    assert (done.status, done.stdout) == (78, "")
    assert "no file" in done.stderr


@pytest.mark.parametrize("form", FORMS)
def test_the_payloads_python_does_not_matter(bundle: Bundle, tmp_path: Path, form: str) -> None:
    """No module of PYTHONPATH, of ~/.local, of the working directory or of the node wins over ours."""
    node = python_of_a_node(tmp_path / "node")
    (site,) = tmp_path.glob("node/lib/python*/site-packages")
    home = tmp_path / "home"
    user = home / ".local/lib" / site.parent.name / "site-packages"
    for directory in (site, user, tmp_path):
        directory.mkdir(parents=True, exist_ok=True)
        for module in ("pika", "typer", "diraccfg", *(() if directory == site else ("logging", "sitecustomize"))):
            directory.joinpath(f"{module}.py").write_text("raise SystemExit('the wrong module')\n")
    argv = [*_program(bundle, form, "dirac-mq-send"), "--version"]
    done = run(argv, node, tmp_path, HOME=str(home), PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere")
    assert (done.status, done.stderr) == (0, "")


def test_version_tells_what_was_found(bundle: Bundle, node: Path, bare_node: Path, tmp_path: Path) -> None:
    """Python, M2Crypto, pika and OpenSSL, each with its version and place; without M2Crypto what to do."""
    lines = run([bundle.tree / "bin/dirac-mq", "--version"], node, tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["dirac-mq", "Python", "M2Crypto", "pika", "OpenSSL"]
    assert lines[0].endswith(f"({bundle.tree}/lib/diracmq_cli)")
    assert lines[1].endswith(f"({node}/python3)")
    assert f"({node.parent}/lib/python" in lines[2]
    assert lines[3].endswith(f"({bundle.tree}/lib/pika)")
    assert "/libssl" in lines[4] or "ssl" in lines[4]
    done = run([bundle.pyz, "--version"], bare_node, tmp_path)
    assert done.status == 0
    assert f"there is no M2Crypto ({bare_node}/python3): source diracos/diracosrc" in done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_without_m2crypto(bundle: Bundle, bare_node: Path, devbroker: Broker, tmp_path: Path, form: str) -> None:
    """Whatever needs it says so, and what to source; help does not."""
    environment = _pilot(devbroker)
    for program, *argv in (
        ("dirac-mq-send", "demo.jobs", "-m", "x"),
        ("dirac-mq-send", "demo.jobs", "-m", "x", "--spool"),
        ("dirac-mq-peek", "demo.jobs"),
        ("dirac-mq-consume", "demo.jobs", "--drain"),
    ):
        done = run([*_program(bundle, form, program), *argv], bare_node, tmp_path, **environment)
        _refused(done, 78, f"there is no M2Crypto ({bare_node}/python3)", "source diracos/diracosrc")
    check = run(_program(bundle, form, "dirac-mq-check"), bare_node, tmp_path, **environment)
    assert check.status == 78
    assert re.search(r"^credential +✗ there is no M2Crypto .*\n +next: source diracos", check.stdout, re.MULTILINE), (
        check.stdout
    )
    assert run([*_program(bundle, form, "dirac-mq-send"), "--help"], bare_node, tmp_path).status == 0


def test_an_m2crypto_that_cannot_be_loaded(bundle: Bundle, tmp_path: Path, devbroker: Broker) -> None:
    """One that was made for another OpenSSL, or another Python, is told apart from none."""
    node = python_of_a_node(tmp_path / "node")
    (extension,) = tmp_path.glob("node/lib/python*/site-packages/M2Crypto/_m2crypto*.so")
    extension.write_bytes(b"not an ELF file")
    environment = _pilot(devbroker)
    done = run([bundle.tree / "bin/dirac-mq-send", "demo.jobs", "-m", "x"], node, tmp_path, **environment)
    _refused(done, 78, "M2Crypto cannot be loaded: ", "_m2crypto", "source diracos/diracosrc")


@pytest.mark.parametrize("form", FORMS)
def test_an_old_python(bundle: Bundle, node: Path, tmp_path: Path, form: str) -> None:
    """One that says it is 3.9 is refused before anything is imported that it could not read."""
    old = tmp_path / "old"
    old.write_text(
        f'#!/bin/sh\nexec {node}/python3 -I -B -X "$4" -c \'import runpy, sys; sys.version_info = (3, 9, 18);'
        ' sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")\' "$5" "$6"\n'
    )
    old.chmod(0o755)
    argv = [*_program(bundle, form, "dirac-mq-send"), "x"]
    done = run(argv, node, tmp_path, DIRAC_MQ_PYTHON=str(old))
    _refused(done, 78, "Python 3.9.18 (", "is too old, it takes 3.11", "source diracos/diracosrc")


@pytest.mark.parametrize("form", FORMS)
def test_which_python(bundle: Bundle, node: Path, bare_node: Path, tmp_path: Path, form: str) -> None:
    """DIRAC_MQ_PYTHON, else that of DIRACOS, else the PATH's; one that is not there is named."""
    argv = [*_program(bundle, form, "dirac-mq"), "--version"]
    by_name = run(argv, bare_node, tmp_path, DIRAC_MQ_PYTHON=str(node / "python3"), DIRACOS=str(bare_node.parent))
    assert f"({node}/python3)" in by_name.stdout
    by_diracos = run(argv, bare_node, tmp_path, DIRACOS=str(node.parent))
    assert f"({node}/python3)" in by_diracos.stdout
    by_path = run(argv, bare_node, tmp_path, DIRACOS="/nowhere")
    assert f"({bare_node}/python3)" in by_path.stdout
    _refused(run(argv, node, tmp_path, DIRAC_MQ_PYTHON="/no/python"), 78, "there is no /no/python")


def test_all_of_it_can_be_imported(bundle: Bundle, node: Path, tmp_path: Path) -> None:
    """Every module of ours finds what it imports: nothing that was left out is missed."""
    code = (
        "import importlib, pkgutil, sys; sys.path.insert(0, sys.argv[1]); import diracmq_cli\n"
        "names = [m.name for m in pkgutil.walk_packages(diracmq_cli.__path__, 'diracmq_cli.')]\n"
        "names = [n for n in names if not n.endswith('.__main__')]\n"
        "names += ['rich.console', 'rich.live', 'rich.progress', 'rich.table', 'rich.text']\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names), sorted({'pygments', 'markdown_it'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [node / "python3", "-I", "-B", "-c", code, bundle.tree / "lib"], capture_output=True, text=True, check=False
    )
    count, _, others = done.stdout.partition(" ")
    assert (done.returncode, others) == (0, "[]\n"), done.stderr
    assert int(count) > 300

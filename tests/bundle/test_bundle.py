"""The bundle on a worker node: nothing but a Python with M2Crypto, and nowhere to write but the working directory."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
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


Do = Callable[..., Completed]


@pytest.fixture
def confined(node: Path, devbroker: Broker, tmp_path: Path) -> Do:
    """Run a command without HOME and stdin, in 2 GB, where only the working directory can be written to."""
    if not may_unshare():
        pytest.skip("this system lets nobody make namespaces")
    work = tmp_path / "work"
    work.mkdir()

    def do(argv: Sequence[str | Path], *, network: bool, **environment: str) -> Completed:
        told = {**_pilot(devbroker), "DIRAC_PILOT_STAMP": "0123abcd", **environment}
        done = run_confined(argv, node, work, told, network=network)
        assert {path.name for path in work.iterdir()} <= {".dirac-mq-spool"}
        return done

    return do


@pytest.mark.parametrize("form", FORMS)
def test_a_pilots_day(bundle: Bundle, confined: Do, make_queue: QueueFactory, form: str) -> None:
    """A read-only tree and nothing else: without a route it keeps, with one it flushes, sends and takes."""
    name, cfg = make_queue()
    told = {"DIRAC_MQ_CFG": str(cfg)}
    send = [*_program(bundle, form, "dirac-mq-send"), name, "--spool", "-m"]

    kept = confined([*send, "one"], network=False, **told)
    assert (kept.status, kept.stdout) == (5, ""), kept.stderr
    flushed = confined([*_program(bundle, form, "dirac-mq"), "spool", "flush"], network=True, **told)
    assert flushed.status == 0, flushed.stderr
    sent = confined([*send, "two"], network=True, **told)
    assert (sent.status, sent.stdout) == (0, ""), sent.stderr
    shown = ("--drain", "-F", r"%{header:dirac-pilot} %{body}\n")
    taken = confined([*_program(bundle, form, "dirac-mq-consume"), name, *shown], network=True, **told)
    assert (taken.status, taken.stdout) == (0, "0123abcd one\n0123abcd two\n"), taken.stderr


def test_no_route(bundle: Bundle, confined: Do) -> None:
    """Each way of not getting there ends at once, or in its time, with a status that says whether to try again."""
    send = [bundle.tree / "bin/dirac-mq-send", "demo.pilots", "-m", "x"]
    lost = confined(send, network=False)
    assert (lost.status, lost.stdout) == (69, "")
    assert "network is unreachable" in lost.stderr
    nobody = confined([*send, "-o", "/Resources/MQServices/dev/Host=mq.example.org"], network=False)
    assert (nobody.status, nobody.stdout) == (68, ""), nobody.stderr
    assert confined([*send, "--spool"], network=False).status == 5
    left = confined([bundle.tree / "bin/dirac-mq", "spool", "flush", "-t", "1s"], network=False)
    assert (left.status, left.stdout) == (75, "")
    assert "network is unreachable" in left.stderr


def test_no_standard_input(bundle: Bundle, confined: Do) -> None:
    """Where it is to be read, that it is closed is said before anything is dialled."""
    done = confined([bundle.tree / "bin/dirac-mq-send", "demo.pilots", "-l"], network=False)
    assert (done.status, done.stdout) == (2, "")
    assert "standard input is closed" in done.stderr


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


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_setup(bundle: Bundle, node: Path, tmp_path: Path, shell: str) -> None:
    """One line in a script, through a link, brings the commands and their pages; -u, -e and the positional parameters
    are the script's."""
    (tmp_path / "current").symlink_to(bundle.tree)
    script = "set -eu; set -- a b; . ./current/setup.sh; command -v dirac-mq-send; man -w dirac-mq-cvmfs; echo $# $-"
    done = run([shell, "-c", script], node, tmp_path)
    assert done.stderr == ""
    program, page, rest = done.stdout.splitlines()
    assert program == f"{bundle.tree}/bin/dirac-mq-send"
    assert page == f"{bundle.tree}/share/man/man7/dirac-mq-cvmfs.7"
    assert rest.startswith("2 ")


def test_setup_in_a_shell_for_people(bundle: Bundle, node: Path, tmp_path: Path) -> None:
    """bash completes what it has just come to know."""
    script = f". '{bundle.tree}/setup.sh'; complete -p dirac-mq dirac-mq-send | sed 's/.* //'"
    done = run(["bash", "--norc", "-ic", script], node, tmp_path)
    assert done.stdout == "dirac-mq\ndirac-mq-send\n"


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
    """Every module of ours finds what it imports, but for metrics, which need an extra: nothing that was left out is
    missed."""
    code = (
        "import importlib, pkgutil, sys; sys.path.insert(0, sys.argv[1]); import diracmq_cli\n"
        "names = [m.name for m in pkgutil.walk_packages(diracmq_cli.__path__, 'diracmq_cli.')]\n"
        "names = [n for n in names if not n.endswith(('.__main__', '.exposition', '.metrics'))]\n"
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

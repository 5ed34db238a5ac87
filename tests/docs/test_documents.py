"""Man pages and completions: as generated, readable, and loaded by each shell without a word."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pexpect
import pytest

from diracmq_cli.cli.apps import EVERYDAY, VERBS
from diracmq_cli.cli.docs.__main__ import documents
from diracmq_cli.cli.docs.sections import EXIT_STATUS
from diracmq_cli.errors import ExitStatus

ROOT = Path(__file__).parents[2]
PROGRAMS = ("dirac-mq", *(f"dirac-mq-{verb}" for verb in EVERYDAY))
_HOME = tempfile.mkdtemp(prefix="dirac-mq-home-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
MAN = [ROOT / f"man/{page}.1" for page in (*PROGRAMS, "dirac-mq-broker")]


def _run(argv: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "LANG": "C.UTF-8",
        "HOME": _HOME,
        "TERM": "dumb",
    }
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, env=env, **options)  # type: ignore[call-overload, no-any-return]


def test_the_files_are_what_is_generated() -> None:
    """Whoever changes a flag runs ``make docs``."""
    for path, text in documents().items():
        assert (ROOT / path).read_text() == text, f"{path} is out of date: run make docs"


def test_there_is_no_other_file() -> None:
    """A file that is no longer generated does not stay."""
    there = {
        str(path.relative_to(ROOT))
        for folder in ("man", "completions")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert there == documents().keys()


@pytest.mark.parametrize("page", MAN, ids=lambda page: page.name)
@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(page: Path, device: str) -> None:
    """``groff -man -ww`` has nothing to complain about, on paper and on terminals."""
    done = _run(["groff", "-man", "-ww", "-z", f"-T{device}", str(page)])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("page", MAN, ids=lambda page: page.name)
def test_man_shows_it(page: Path) -> None:
    """At 80 columns: every section in its place, no line too long, and none of troff's own characters."""
    done = _run(["groff", "-man", "-Tutf8", "-rLL=78n", "-P-cbou", str(page)])
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    sections = [line for line in lines if re.fullmatch(r"[A-Z][A-Z ]+", line)]
    assert sections[:4] == ["NAME", "SYNOPSIS", "EXAMPLES", "DESCRIPTION"]
    assert [s for s in sections if s in ("OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO")] == [
        "OPTIONS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "SEE ALSO",
    ]
    name = next(line for line in lines[lines.index("NAME") + 1 :] if line.strip())
    assert name.split()[:2] == [page.stem, "-"]
    assert not re.search(r"\\[^ntr0\n]", done.stdout.replace(r"\\", "")), "an escape of troff is left"


def test_man_itself() -> None:
    """``man -l`` takes it as any other page."""
    if shutil.which("man") is None:
        pytest.skip("no man on this machine")
    done = _run(["man", "-l", str(MAN[1])])
    assert done.returncode == 0
    assert "dirac-mq-send [OPTION]... DEST [FILE]..." in done.stdout
    assert "dirac-mq send demo.jobs -m 'job 42 started'" in done.stdout


def test_every_exit_status_is_explained() -> None:
    """The pages and the README tell all statuses that a command can end with."""
    told = {int(code) for code, _ in EXIT_STATUS if code.isdigit()}
    assert told == {status.value for status in ExitStatus}
    readme = (ROOT / "README.md").read_text()
    if "xit" in readme:
        for code in told - {0, 1, 2}:
            assert re.search(rf"\b{code}\b", readme), f"README does not tell of exit status {code}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_help(program: str) -> None:
    """Help fits 80 columns, opens with examples that stand as they were written, and cuts no sentence."""
    done = _run([program, "--help"])
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[4].strip() == "Examples:"
    assert lines[5].startswith("    dirac-mq ") or "| dirac-mq" in lines[5]
    assert "..." not in done.stdout.split("Commands:")[-1] or program != "dirac-mq"
    assert _run([program, "-h"]).stdout == done.stdout


def test_bare_program() -> None:
    """``dirac-mq`` alone is a usage error that shows the help."""
    done = _run(["dirac-mq"])
    assert (done.returncode, done.stdout) == (2, "")
    assert "Commands:" in done.stderr


# -- bash ----------------------------------------------------------------------------------------------------------

BASH = """
set -eu
source "{file}"
COMP_WORDS=({words}); COMP_CWORD=$(({count} - 1))
compopt() {{ :; }}
{function}
printf '%s\\n' "${{COMPREPLY[@]-}}"
"""


def _bash(*words: str) -> list[str]:
    """What bash offers for the last of ``words``."""
    program = words[0]
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    script = BASH.format(
        file=ROOT / f"completions/bash/{program}",
        words=quoted,
        count=len(words),
        function="_" + program.replace("-", "_"),
    )
    done = _run(["bash", "--norc", "--noprofile", "-c", script])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("dirac-mq", "se"), ["send"]),
        (("dirac-mq", ""), [*VERBS, "spool", "broker", "devbroker"]),
        (("dirac-mq", "devbroker", "st"), ["status", "start"]),
        (("dirac-mq", "send", "--rou"), ["--routing-key"]),
        (("dirac-mq-send", "--rou"), ["--routing-key"]),
        (("dirac-mq-send", "--color", "a"), ["auto", "always"]),
        (("dirac-mq-send", "--color", "=", "a"), ["auto", "always"]),
        (("dirac-mq-consume", "q", "--on-fail", ""), ["stop", "requeue", "dead"]),
        (("dirac-mq", "devbroker", "env", "--as", "p"), ["pilot"]),
        (("dirac-mq-send", "q", "-m", "$(touch /tmp/evil)"), []),
        (("dirac-mq-send", "$(touch /tmp/evil)"), []),
    ],
)
def test_bash(words: tuple[str, ...], expected: list[str]) -> None:
    """Verbs, verbs of verbs, flags and values; what was typed is never evaluated."""
    assert _bash(*words) == expected
    assert not Path("/tmp/evil").exists()


def test_bash_completes_file_names_with_spaces(tmp_path: Path) -> None:
    """A file name is one word, whatever it holds."""
    (tmp_path / "a file*").touch()
    done = _run(
        [
            "bash",
            "--norc",
            "-c",
            f"source {ROOT}/completions/bash/dirac-mq-send; compopt() {{ :; }}; cd {tmp_path}; "
            "COMP_WORDS=(dirac-mq-send q --cfg a); COMP_CWORD=3; _dirac_mq_send; printf '<%s>' \"${COMPREPLY[@]}\"",
        ]
    )
    assert (done.stdout, done.stderr) == ("<a file*>", "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_loads_each_file(program: str) -> None:
    """Sourced under ``set -eu`` it says nothing, and registers its program."""
    file = ROOT / f"completions/bash/{program}"
    done = _run(["bash", "--norc", "-c", f"set -eu; source {file}; complete -p {program}"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().endswith(program)


# -- zsh -----------------------------------------------------------------------------------------------------------


def test_zsh_syntax() -> None:
    """``zsh -n`` is silent."""
    done = _run(["zsh", "-n", str(ROOT / "completions/zsh/_dirac-mq")])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("dirac-mq se", "dirac-mq send "),
        ("dirac-mq devbroker down --pu", "dirac-mq devbroker down --purge "),
        ("dirac-mq-send --rou", "dirac-mq-send --routing-key "),
        ("dirac-mq-list --qui", "dirac-mq-list --quiet "),
        ("dirac-mq-consume q --on-fail re", "dirac-mq-consume q --on-fail requeue "),
        ("dirac-mq-tail --color alw", "dirac-mq-tail --color always "),
    ],
)
def test_zsh(typed: str, completed: str, tmp_path: Path) -> None:
    """A real zsh with compinit completes verbs, sub-verbs, flags and values, and says nothing else."""
    (tmp_path / ".zshrc").write_text(
        f"fpath=({ROOT}/completions/zsh $fpath); autoload -Uz compinit; compinit -u -d {tmp_path}/dump\n"
        "unsetopt prompt_sp; PS1='READY> '\n"
        'show() { print -r -- "GOT<$BUFFER>"; BUFFER=; zle accept-line }; zle -N show; bindkey "^X" show\n'
    )
    env = {"PATH": os.environ["PATH"], "ZDOTDIR": str(tmp_path), "TERM": "dumb", "LANG": "C.UTF-8"}
    shell = pexpect.spawn("zsh", ["-d", "-i"], env=env, encoding="utf-8", timeout=10, dimensions=(24, 200))
    shell.expect("READY> ")
    shell.send(typed + "\t\x18")
    shell.expect("GOT<([^>]*)>")
    assert shell.match[1] == completed
    assert not re.search(r"not found|error|no match", shell.before)
    shell.close(force=True)


# -- fish ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("dirac-mq se", ["send"]),
        ("dirac-mq devbroker st", ["start", "status"]),
        ("dirac-mq send --rou", ["--routing-key"]),
        ("dirac-mq-send --rou", ["--routing-key"]),
        ("dirac-mq-consume q --on-fail ", ["dead", "requeue", "stop"]),
        ("dirac-mq devbroker env --as p", ["pilot"]),
        ("dirac-mq-peek ", []),
    ],
)
def test_fish(typed: str, expected: list[str], tmp_path: Path) -> None:
    """fish offers verbs, sub-verbs, flags and values."""
    program = typed.split()[0]
    script = f"source {ROOT}/completions/fish/{program}.fish; complete -C '{typed}'"
    done = _run(["fish", "--no-config", "-c", script], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(line.split("\t")[0] for line in done.stdout.splitlines()) == expected


@pytest.mark.parametrize("program", PROGRAMS)
def test_fish_loads_each_file(program: str) -> None:
    """Sourced, it says nothing."""
    done = _run(["fish", "--no-config", "-c", f"source {ROOT}/completions/fish/{program}.fish"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# -- the wheel -----------------------------------------------------------------------------------------------------


def test_the_wheel_holds_them(tmp_path: Path) -> None:
    """Whoever installs the package has the pages, the completions and the commands."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for program in PROGRAMS:
        for place in (
            f"share/man/man1/{program}.1",
            f"share/bash-completion/completions/{program}",
            f"share/fish/vendor_completions.d/{program}.fish",
        ):
            assert any(name.endswith(f".data/data/{place}") for name in names), place
    assert any(name.endswith(".data/data/share/zsh/site-functions/_dirac-mq") for name in names)
    assert "diracmq_cli/py.typed" in names
    assert any(name.endswith(".erl") for name in names), "the broker's plugin"
    entry = next(name for name in names if name.endswith("entry_points.txt"))
    points = zipfile.ZipFile(wheel).read(entry).decode()
    assert all(f"{program} = " in points for program in PROGRAMS)

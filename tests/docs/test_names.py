"""Names of the CS in real shells: offered from the file that commands keep, at once, and never evaluated."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from diracmq_cli.cli.docs.__main__ import documents

NAMES = """\
# dirac-mq 0123abcd
s dev
s Framework
q demo.jobs
Q dev::Queues::demo.jobs
q Monitoring
Q Framework/Monitoring
q one::Queues::both
Q one::Queues::both
q two::Queues::both
Q two::Queues::both
e data.events
E dev::Exchanges::data.events
"""

HOSTILE = ("$(touch evil)", "`touch evil`", "x;touch evil;", "'x'$(touch evil)", "a\\$(touch evil)")

SHELLS = ("bash", "zsh", "fish")


class Shell:
    """An interactive shell in a directory of its own, with the completions, and no program but touch and stand-ins."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.directory = directory
        for path, text in documents().items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (directory / "bin").mkdir()
        for program in ("dirac-mq", "dirac-mq-peek", "dirac-mq-send", "dirac-mq-list", "dirac-mq-consume"):
            (directory / "bin" / program).write_text("#!/bin/true\n")
            (directory / "bin" / program).chmod(0o755)
        (directory / "bin/touch").symlink_to(shutil.which("touch") or "")
        self.cache = directory / "cache"
        (self.cache / "dirac-mq").mkdir(parents=True)
        start: Callable[[], pexpect.spawn] = {"bash": self._bash, "zsh": self._zsh, "fish": self._fish}[kind]
        self._shell = start()

    @property
    def file(self) -> Path:
        """The file of names."""
        return self.cache / "dirac-mq" / "names"

    def keep(self, text: str) -> None:
        self.file.write_text(text)

    def complete(self, typed: str) -> str:
        """The line after ``typed`` and TAB."""
        if self.kind == "fish":
            self._shell.send(f"complete -C '{typed}' | string join '|'; echo END\r")
            self._shell.expect(r"\n(.*?)END\r\n")
            said = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", self._shell.match[1])
            offered = [each.split("\t")[0].strip() for each in said.split("|")]
            head = typed.rpartition(" ")[0]
            return f"{head} {offered[0]} " if len(offered) == 1 and offered[0] else typed
        self._shell.send(typed + "\t\x14")
        self._shell.expect("GOT<([^>]*)>")
        found: str = self._shell.match[1]
        assert not re.search(r"not found|error|no match", self._shell.before)
        return found

    def run(self, typed: str) -> None:
        """Type, TAB, and Enter; returns when the shell is ready again."""
        for keys in (typed + "\t", "\r", "\x03"):
            self._shell.send(keys)
            time.sleep(0.15)
        self._shell.send("echo ALI''VE\r")
        self._shell.expect("ALIVE")

    def close(self) -> None:
        self._shell.close(force=True)

    def _bash(self) -> pexpect.spawn:
        sources = "\n".join(f". '{file}'" for file in sorted((self.directory / "completions/bash").iterdir()))
        (self.directory / "rc").write_text(
            f"{sources}\nPS1='READY> '\nbind 'set enable-bracketed-paste off'\n"
            "show() { printf 'GOT<%s>\\n' \"$READLINE_LINE\"; READLINE_LINE=; READLINE_POINT=0; }\n"
            "bind -x '\"\\C-t\": show'\n"
        )
        return self._ready(["bash", "--noprofile", "--rcfile", str(self.directory / "rc"), "-i"])

    def _zsh(self) -> pexpect.spawn:
        (self.directory / ".zshrc").write_text(
            f"fpath=({self.directory}/completions/zsh $fpath); autoload -Uz compinit\n"
            f"compinit -u -d {self.directory}/dump\nunsetopt prompt_sp; PS1='READY> '\n"
            'show() { print -r -- "GOT<$BUFFER>"; BUFFER=; zle accept-line }; zle -N show; bindkey "^T" show\n'
        )
        return self._ready(["zsh", "-d", "-i"])

    def _fish(self) -> pexpect.spawn:
        config = self.directory / "config" / "fish"
        config.mkdir(parents=True)
        files = sorted((self.directory / "completions/fish").iterdir())
        sources = "\n".join(f"source '{file}'" for file in files)
        (config / "config.fish").write_text(f"{sources}\nfunction fish_prompt; echo -n 'READY> '; end\n")
        return self._ready(["fish", "-i"])

    def _ready(self, argv: list[str]) -> pexpect.spawn:
        env = {
            "PATH": str(self.directory / "bin"),
            "HOME": str(self.directory),
            "ZDOTDIR": str(self.directory),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "XDG_CACHE_HOME": str(self.cache),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
        }
        program = next(path for path in ("/usr/bin", "/bin") if os.access(f"{path}/{argv[0]}", os.X_OK))
        shell = pexpect.spawn(
            f"{program}/{argv[0]}", argv[1:], env=env, encoding="utf-8", timeout=60, dimensions=(24, 200),
            cwd=str(self.directory),
        )  # fmt: skip
        shell.delaybeforesend = None
        shell.expect("READY> ")
        return shell


@pytest.fixture(scope="module", params=SHELLS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Each shell once, for what changes nothing."""
    running = Shell(request.param, tmp_path_factory.mktemp(request.param))
    running.keep(NAMES)
    yield running
    running.close()


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    """Each shell, of one's own."""
    running = Shell(request.param, tmp_path)
    yield running
    running.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("dirac-mq-peek demo.j", "dirac-mq-peek demo.jobs "),
        ("dirac-mq peek demo.j", "dirac-mq peek demo.jobs "),
        ("dirac-mq-peek -n 3 demo.j", "dirac-mq-peek -n 3 demo.jobs "),
        ("dirac-mq-peek dev::Queues::demo.j", "dirac-mq-peek dev::Queues::demo.jobs "),
        ("dirac-mq-peek Framework/M", "dirac-mq-peek Framework/Monitoring "),
        ("dirac-mq-peek two", "dirac-mq-peek two::Queues::both "),
        ("dirac-mq-peek data.e", "dirac-mq-peek data.e"),
        ("dirac-mq-send data.e", "dirac-mq-send data.events "),
        ("dirac-mq-send -k a.b dev::Exchanges::d", "dirac-mq-send -k a.b dev::Exchanges::data.events "),
        ("dirac-mq move demo.jobs Mon", "dirac-mq move demo.jobs Monitoring "),
        ("dirac-mq-list demo.jobs Mon", "dirac-mq-list demo.jobs Monitoring "),
        ("dirac-mq-peek -b de", "dirac-mq-peek -b dev "),
        ("dirac-mq-list --service Fr", "dirac-mq-list --service Framework "),
        ("dirac-mq-consume demo.jobs Mon", "dirac-mq-consume demo.jobs Mon"),
    ],
)
def test_names(shared: Shell, typed: str, completed: str) -> None:
    """Queues, exchanges and services where they belong; addresses once the word is one."""
    assert shared.complete(typed) == completed


def test_after_the_destination_come_files(shared: Shell) -> None:
    """send: names first, then files."""
    (shared.directory / "demo.file").touch()
    assert shared.complete("dirac-mq-send demo.jobs demo.f") == "dirac-mq-send demo.jobs demo.file "
    assert shared.complete("dirac-mq-send --outage 5m demo.j") == "dirac-mq-send --outage 5m demo.jobs "


def test_nothing_is_evaluated(shell: Shell) -> None:
    """A name that is a command, in the file by whatever way, runs neither when it is offered nor when it is entered."""
    for name in HOSTILE:
        shell.keep(f"# dirac-mq 0123abcd\nq {name}\ns {name}\n")
        shell.run("dirac-mq-peek ")
        shell.run("dirac-mq-peek -b ")
    assert not list(shell.directory.rglob("*evil*"))


def test_without_names(shell: Shell) -> None:
    """No file, one that is no file, one that is somebody else's to fill: nothing is offered, and nothing hangs."""
    assert shell.complete("dirac-mq-peek demo.j") == "dirac-mq-peek demo.j"
    os.mkfifo(shell.file)
    assert shell.complete("dirac-mq-peek demo.j") == "dirac-mq-peek demo.j"
    shell.file.unlink()
    shell.file.mkdir()
    assert shell.complete("dirac-mq-peek demo.j") == "dirac-mq-peek demo.j"
    shell.file.rmdir()
    shell.keep(NAMES)
    os.chown(shell.file, 12345, -1)
    assert shell.complete("dirac-mq-peek demo.j") == "dirac-mq-peek demo.j"


def test_at_once(shell: Shell) -> None:
    """With 5000 lines of names it takes no longer than a person notices (it does in 20 to 60 ms)."""
    shell.keep("# dirac-mq 0123abcd\n" + "".join(f"q queue.{n}\n" for n in range(5000)) + "q last.one\n")
    times = []
    for _ in range(5):
        started = time.monotonic()
        assert shell.complete("dirac-mq-peek last.o") == "dirac-mq-peek last.one "
        times.append(time.monotonic() - started)
    assert statistics.median(times) < 1.5

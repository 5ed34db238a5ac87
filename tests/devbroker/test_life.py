"""The life of a devbroker, told by its command."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from support.broker import SCRIPTS, Broker

from diracmq_cli.admin import installation
from diracmq_cli.devbroker.control import load_definitions
from diracmq_cli.devbroker.process import Process
from diracmq_cli.errors import ConfigError

COMMAND = str(SCRIPTS / "dirac-mq")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def run(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, "devbroker", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT | more, stdin=subprocess.DEVNULL, timeout=120
    )


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that is not there yet, below one that only its owner may enter."""
    parent = Path(tempfile.mkdtemp(prefix="dirac-mq-life-"))
    place = parent / "it's a dir"
    yield place
    if place.exists():
        run("down", "--purge", "--dir", place)
    shutil.rmtree(parent)


def status(directory: Path) -> dict:
    done = run("status", "-j", "--dir", directory)
    row = json.loads(done.stdout)
    assert done.returncode == (0 if row["running"] else 3)
    return row


def listening(pid: int) -> set[tuple[str, int]]:
    """Address and port of every TCP socket that a process listens on, by proc(5)."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(link.readlink()))
        except FileNotFoundError:
            continue
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                host, port = fields[1].split(":")
                words = [bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8)]
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


def test_a_life(directory):
    """up twice at once makes one broker that survives both; kill and start keep what was confirmed; down ends all."""
    makers = [
        subprocess.Popen([COMMAND, "devbroker", "up", "--dir", str(directory)], env=ENVIRONMENT, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [maker.communicate(timeout=120)[1].decode() for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0], said
    assert sum("ready in" in text for text in said) == 1
    assert sum("already running" in text for text in said) == 1

    row = status(directory)
    assert row["dir"] == str(directory)
    assert set(row["ports"]) == {"amqps", "distribution", "epmd"}
    broker = Process.of(row["pid"])
    epmd = Process.of(json.loads((directory / "state.json").read_text())["epmd"]["pid"])
    assert broker is not None
    assert epmd is not None
    # The calling user's, or for root an unprivileged user's.
    owner = Path(f"/proc/{broker.pid}").stat().st_uid
    assert owner == os.geteuid() if os.geteuid() else owner != 0
    # Nothing but loopback, and no port that is not known to us.
    sockets = listening(broker.pid) | listening(epmd.pid)
    assert {host for host, _ in sockets} <= {"127.0.0.1", "::1"}
    assert {port for _, port in sockets} == set(row["ports"].values())

    client = Broker(directory, directory)
    with client.channel("user") as channel:
        persistent = pika.BasicProperties(delivery_mode=2)
        for queue in ("demo.jobs", "demo.pilots", "ComponentMonitoring"):
            channel.basic_publish(f"{queue}.x", "k", b"kept", persistent, mandatory=True)

    done = run("kill", "--dir", directory)
    assert (done.returncode, done.stdout) == (0, "")
    assert not broker.alive
    assert epmd.alive
    assert status(directory)["pid"] is None
    again = run("kill", "--dir", directory)
    assert again.returncode == 3
    assert "does not run" in again.stderr

    done = run("start", "--dir", directory)
    assert (done.returncode, done.stdout) == (0, "")
    for queue in ("demo.jobs", "demo.pilots", "ComponentMonitoring"):
        client.wait_count(queue, 1)
    assert status(directory)["ports"] == row["ports"]

    second = Process.of(status(directory)["pid"])
    done = run("down", "--dir", directory)
    assert (done.returncode, done.stdout) == (0, "")
    assert second is not None
    assert not second.alive
    assert not epmd.alive

    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", row["ports"]["amqps"]))
        squatter.listen()
        assert run("start", "--dir", directory).returncode == 0
        moved = status(directory)["ports"]["amqps"]
        assert moved != row["ports"]["amqps"]
        assert f"Port = {moved}\n" in (directory / "dirac.cfg").read_text()
        client.wait_count("demo.jobs", 1)

    done = run("down", "--purge", "--dir", directory)
    assert (done.returncode, done.stdout) == (0, "")
    assert not directory.exists()
    gone = run("status", "--dir", directory)
    assert (gone.returncode, gone.stdout) == (3, "")
    assert "dirac-mq devbroker up --dir" in gone.stderr


def test_what_is_not_ours_is_left_alone(tmp_path):
    """A directory that holds other things is refused, by down too, and nothing in it changes."""
    (tmp_path / "thesis.tex").write_text("years of work")
    for arguments in (["up"], ["down", "--purge"], ["kill"]):
        done = run(*arguments, "--dir", tmp_path)
        assert (done.returncode, done.stdout) == (78, "")
        assert "is not a devbroker's" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_purge_leaves_what_is_not_ours(tmp_path):
    """What somebody else put beside our files survives a purge."""
    (tmp_path / "devbroker.lock").touch()
    (tmp_path / "dirac.cfg").touch()
    (tmp_path / "notes").touch()
    assert run("down", "--purge", "--dir", tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_without_a_home_a_directory_must_be_named(tmp_path):
    """No HOME, no default; the hint says what to do."""
    done = run("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--dir DIR" in done.stderr


@pytest.mark.parametrize(
    ("variable", "below"), [("HOME", ".local/state/dirac-mq/devbroker"), ("XDG_STATE_HOME", "dirac-mq/devbroker")]
)
def test_the_default_directory(tmp_path, variable, below):
    """It lives where the XDG specification puts state."""
    done = run("status", **{variable: str(tmp_path)})
    assert (done.returncode, done.stdout) == (3, "")
    assert f"there is no devbroker in {tmp_path}/{below}" in done.stderr


def test_without_rabbitmq_it_names_the_package(tmp_path):
    """No RabbitMQ: 78, the package's name, and nothing left behind."""
    done = run("up", "--dir", tmp_path / "new", RABBITMQ_HOME="/nonexistent")
    assert (done.returncode, done.stdout) == (78, "")
    assert "apt-get install rabbitmq-server" in done.stderr
    assert not (tmp_path / "new").exists()


def test_without_erlang_it_names_the_package(monkeypatch, tmp_path):
    """No Erlang: a ConfigError with the package's name."""
    monkeypatch.setattr(installation, "_SYSTEM_PATH", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no erl on") as caught:
        installation.find_program("erl", "erlang-base")
    assert caught.value.hint == "apt-get install erlang-base"


def test_a_cfg_that_rabbitmq_refuses_is_no_start(devbroker):
    """RabbitMQ 3.10 starts without a word when it cannot load its definitions; we say what it did not take."""
    queue = {"vhost": "nowhere", "name": "q", "durable": True, "auto_delete": False, "arguments": {}}
    with pytest.raises(ConfigError, match="no_such_vhost"):
        load_definitions(devbroker.node, devbroker.state, json.dumps({"queues": [queue]}))

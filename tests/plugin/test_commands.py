"""``broker plugin`` as a command: exit status, standard output, standard error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from diracmq_cli.version import __version__

COMMAND = Path(sys.executable).with_name("dirac-mq")


def plugin(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), "broker", "plugin", *flags]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=60, check=False)


def test_it_names_what_it_made(tmp_path: Path) -> None:
    """The directory on standard output, and nothing on standard error; a second run makes it anew."""
    for flags in ((), ("--json",)):
        done = plugin("--out", str(tmp_path / "plugins"), *flags)
        assert (done.returncode, done.stderr) == (0, "")
        made = json.loads(done.stdout)["plugin"] if flags else done.stdout.rstrip("\n")
        assert made == str(tmp_path / "plugins" / f"rabbitmq_grid_proxy-{__version__}")
        assert (Path(made) / "ebin" / "rabbit_grid_proxy.beam").is_file()


def test_no_rabbitmq_there(tmp_path: Path) -> None:
    """Exit 78, and the place is named."""
    done = plugin("--out", str(tmp_path / "plugins"), "--rabbitmq-home", str(tmp_path))
    assert (done.returncode, done.stdout) == (78, "")
    assert f"error: there is no rabbitmq-server in {tmp_path}" in done.stderr
    assert not (tmp_path / "plugins").exists()


def test_it_cannot_be_written(tmp_path: Path) -> None:
    """Exit 74, and the place is named."""
    (tmp_path / "file").touch()
    done = plugin("--out", str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (74, "")
    assert f"error: cannot write {tmp_path}/file: " in done.stderr

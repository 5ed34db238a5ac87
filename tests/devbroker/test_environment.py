"""What ``dirac-mq devbroker env`` prints, and what a shell makes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.broker import SCRIPTS

NASTY = "a 'b' \"c\" $HOME `id` \\ ü"
NAMES = ("X509_USER_PROXY", "X509_CERT_DIR", "DIRACSYSCONFIG", "PATH")


@pytest.fixture
def directory(tmp_path) -> Path:
    """A devbroker's directory with a name that shells could trip over."""
    place = tmp_path / NASTY
    place.mkdir()
    (place / "devbroker.lock").touch()
    return place


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_a_shell_evaluates_it(directory, shell):
    """After eval, the variables hold exactly the paths, and the commands come first on the PATH."""
    show = "; ".join(f'printf "%s\\n" "${name}"' for name in NAMES)
    script = f'eval "$("$0" devbroker env --as pilot --dir "$1")"; {show}; command -v dirac-mq'
    done = subprocess.run(
        [shell, "-c", script, SCRIPTS / "dirac-mq", directory],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/wrong", "LANG": "C.UTF-8"},
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{directory}/pki/pilot.proxy.pem",
        f"{directory}/pki/certificates",
        f"{directory}/dirac.cfg",
        f"{SCRIPTS}:/usr/bin:/bin",
        f"{SCRIPTS}/dirac-mq",
    ]


def test_only_known_roles(directory):
    """An unknown role is a usage error."""
    done = subprocess.run(
        [SCRIPTS / "dirac-mq", "devbroker", "env", "--as", "root", "--dir", directory],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "stranger" in done.stderr

"""The ``openssl`` command, so that every certificate here can be made again by hand."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from diracmq_cli.admin.installation import find_program
from diracmq_cli.devbroker.files import write_private
from diracmq_cli.errors import MQError

KEY_BITS = 2048


def openssl(*arguments: str | Path, text: str | None = None, directory: Path | None = None) -> str:
    """Run ``openssl`` and return its standard output.

    Args:
        arguments: the subcommand and its arguments.
        text: what it reads from standard input.
        directory: where it runs; default: here.

    Raises:
        ConfigError: there is no openssl.
        MQError: it failed; the message holds its last line.
    """
    command = [str(find_program("openssl", "openssl")), *map(str, arguments)]
    # An OPENSSL_CONF of the caller's could turn on policies that have no place here.
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "OPENSSL_CONF": "/dev/null"}
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        cwd=directory,
        env=environment,
        timeout=60,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise MQError(f"openssl {arguments[0]} failed: {reason}")
    return done.stdout


def make_key(path: Path) -> None:
    """Write a new RSA key that only its owner may read."""
    write_private(path, openssl("genrsa", str(KEY_BITS)))


def is_good_for(certificate: Path, seconds: float) -> bool:
    """Whether the first certificate in the file is still valid that long from now."""
    text = openssl("x509", "-in", certificate, "-noout", "-enddate")
    return _left(text) > seconds


def crl_is_good_for(crl: Path, seconds: float) -> bool:
    """Whether the next update of a CRL is due no earlier than that from now."""
    return _left(openssl("crl", "-in", crl, "-noout", "-nextupdate")) > seconds


def _left(line: str) -> float:
    """Seconds until the moment in a line such as ``notAfter=Nov 24 03:00:00 2026 GMT``."""
    moment = datetime.strptime(line.strip().partition("=")[2], "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()

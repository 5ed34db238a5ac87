"""Time the bundle for worker nodes beside the installed package: `make bench`. It prints; it does not judge.

A is the bundle, B the installed package, on the same Python; see bench.py for the table. The aim of the tree is 1.3.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path

from bench import BIN, HEADINGS, measure, pair

from diracmq_cli import devbroker

ROOT = Path(__file__).resolve().parents[1]
PAIRS = 20


def main() -> None:
    """Build the bundle, bring up a broker, run every pair."""
    with tempfile.TemporaryDirectory(prefix="dirac-mq-bench-") as name:
        directory = Path(name)
        build = [sys.executable, ROOT / "packaging/pilot/build.py", "--wheels", ROOT / "build/pilot-wheels"]
        subprocess.run([*build, "--out", directory], check=True, stdout=subprocess.DEVNULL)
        (archive,), (pyz,) = directory.glob("*.tar.gz"), directory.glob("*.pyz")
        with tarfile.open(archive) as packed:
            packed.extractall(directory, filter="tar")
        link = directory / "dirac-mq-send"
        link.symlink_to(pyz)
        broker = directory / "broker"
        try:
            devbroker.up(broker)
            compare(
                broker, {"tree": directory / archive.name.removesuffix(".tar.gz") / "bin/dirac-mq-send", "pyz": link}
            )
        finally:
            devbroker.down(broker, purge=True)


def compare(broker: Path, bundles: dict[str, Path]) -> None:
    """Print the table."""
    env = {**os.environ, **devbroker.environment(broker, "user"), "DIRAC_MQ_PYTHON": sys.executable}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # the installed package keeps its bytecode too
    print(HEADINGS)
    for what, argv in (("send --help", ["--help"]), ("send one message", ["demo.jobs", "-m", "hello"])):
        for form, program in bundles.items():
            ours = partial(measure, [str(program), *argv], env)
            installed = partial(measure, [str(BIN / "dirac-mq-send"), *argv], env)
            pair(f"{what}, {form} / installed", ours, installed, pairs=PAIRS)


if __name__ == "__main__":
    main()

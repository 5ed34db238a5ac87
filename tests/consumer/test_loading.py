"""Modules where DIRAC has them: found by DIRAC's own list of extensions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.dirac_env import run_dirac

LOAD = """
import sys
from diracmq_cli.consumer.loading import _of_dirac
for name in sys.argv[1:]:
    try:
        print(_of_dirac(name).__module__)
    except Exception as error:
        print(error)
"""


def test_an_extension_of_dirac(tmp_path: Path) -> None:
    """``<extension>.<System>System.Consumer.<Name>`` holds the class <Name>; what none of them has is told."""
    package = tmp_path / "hostext"
    consumers = package / "TestSystem" / "Consumer"
    consumers.mkdir(parents=True)
    for directory in (consumers, consumers.parent):
        (directory / "__init__.py").touch()
    (package / "__init__.py").write_text("def metadata():\n    return {'priority': 10, 'primary_extension': True}\n")
    (consumers / "Echo.py").write_text(
        "from diracmq_cli import ConsumerModule\n\nclass Echo(ConsumerModule):\n    pass\n"
    )
    info = tmp_path / "hostext-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostext\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dirac]\nmetadata = hostext:metadata\n")
    dirac = run_dirac("import DIRAC, os; print(os.path.dirname(os.path.dirname(DIRAC.__file__)))").strip()
    done = subprocess.run(
        [sys.executable, "-c", LOAD, "Test/Echo", "Test/Nobody"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": f"{tmp_path}:{dirac}"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "hostext.TestSystem.Consumer.Echo",
        "no Module for Test/Nobody, and no extension of DIRAC has TestSystem.Consumer.Nobody",
    ]

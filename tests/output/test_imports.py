import subprocess
import sys

import pytest

HEAVY = ("rich", "pika", "M2Crypto", "typer", "asyncio", "subprocess")


@pytest.mark.parametrize(
    "module",
    ["escape", "label", "text", "ndjson", "template", "save", "child", "table", "talk", "terminal", "writer"],
)
def test_the_box_is_light(module):
    """Nothing that shows messages loads rich, or anything else that takes long: ``send`` talks through it too."""
    program = f"import sys, diracmq_cli.output.{module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"

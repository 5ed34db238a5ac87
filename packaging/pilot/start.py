"""Start a command of the bundle: this is ``__main__.py`` of its ``lib`` and of its ``.pyz``.

Python has put the directory or archive that this lies in before everything else, so the bundle's own packages win, and
M2Crypto, which it has not, is the node's. What stands here must be readable to the Python 3.6 of an old node, which it
refuses.
"""

import os
import sys

NEEDED = (3, 11)

COMMANDS = {
    "dirac-mq": "main",
    "dirac-mq-send": "send",
    "dirac-mq-tail": "tail",
    "dirac-mq-list": "list_",
    "dirac-mq-consume": "consume",
    "dirac-mq-peek": "peek",
    "dirac-mq-check": "check",
    "dirac-consumer": "consumer",
}
"""Each program and its function in ``diracmq_cli.cli``, as in pyproject.toml (a test holds it)."""


def main() -> None:
    """Run the command that we were called for, or say why this Python cannot."""
    given = sys._xoptions.get("program")
    name = str(given or os.path.basename(sys.argv[0]))
    if name.endswith(".pyz"):
        name = name[: -len(".pyz")]
    program = name if name in COMMANDS else "dirac-mq"
    if sys.version_info < NEEDED:
        refuse(program)
    if given is None:  # python3 dirac-mq.pyz: once more, as the launcher does it
        code = os.path.realpath(sys.argv[0])
        python = [sys.executable, "-I", "-B", "-X", "program=" + program, code]
        os.execv(sys.executable, python + sys.argv[1:])
    sys.argv[0] = program

    from diracmq_cli import cli

    getattr(cli, COMMANDS[program])()


def refuse(program: str) -> None:
    """End as a configuration that is wrong (78)."""
    have, need = (".".join(map(str, version)) for version in (sys.version_info[:3], NEEDED))
    sys.stderr.write(
        f"{program}: error: Python {have} ({sys.executable}) is too old, it takes {need}\n"
        f"{program}: hint: source diracos/diracosrc, or name a Python that has M2Crypto in DIRAC_MQ_PYTHON\n"
    )
    sys.exit(78)


if __name__ == "__main__":
    main()

"""Write ``man/`` and ``completions/`` below a directory: ``python -m diracmq_cli.cli.docs DIR``."""

from __future__ import annotations

import sys
from pathlib import Path

from diracmq_cli.cli import consumerguide, moduleguide
from diracmq_cli.cli.broker.guide import GUIDE
from diracmq_cli.cli.docs import bash, fish, man, zsh
from diracmq_cli.cli.docs.tree import Command, programs


def documents() -> dict[str, str]:
    """Every generated file: its path below the project, and its text."""
    tree = programs()
    broker = next(command for command in tree[0].commands if command.name == "broker")
    names = (*(program.name for program in tree), broker.page)
    files: dict[str, str] = {"completions/zsh/_dirac-mq": zsh.completion(tree)}
    for program in tree:
        guide = (*moduleguide.GUIDE, *consumerguide.GUIDE) if program.name == "dirac-consumer" else ()
        files[f"man/{program.page}.1"] = man.page(program, see_also=_others(names, program), guide=guide)
        files[f"completions/bash/{program.name}"] = bash.completion(program)
        files[f"completions/fish/{program.name}.fish"] = fish.completion(program)
    files[f"man/{broker.page}.1"] = man.page(broker, see_also=_others(names, broker), guide=GUIDE)
    return files


def _others(names: tuple[str, ...], command: Command) -> tuple[str, ...]:
    return tuple(name for name in names if name != command.page)


def main(root: Path) -> None:
    """Write all documents below ``root``."""
    for path, text in documents().items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Options given on the command line: ``-o /Section/Option=value``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce

from diracmq_cli.config.tree import Option, Section, merge
from diracmq_cli.errors import UsageError

ORIGIN = "-o"
_SECRET_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]*@", re.IGNORECASE)


def parse_overrides(arguments: Sequence[str]) -> Section:
    """The tree that the arguments of ``-o`` make; of two for one option the later wins, as in DIRAC.

    Raises:
        UsageError: an argument is no ``/Section/Option=value``, or holds a password: other users of the machine see
            command lines. The value is never repeated in the message.
    """
    return reduce(lambda lower, higher: merge(higher, lower), map(_tree, arguments), Section("", ORIGIN))


def _tree(argument: str) -> Section:
    path, equals, value = argument.partition("=")
    names = [name.strip() for name in path.strip().split("/")]
    if not equals:
        raise UsageError("-o without a =", hint="write -o /Section/Option=value")
    if len(names) < 3 or names[0] or not all(names[1:]):
        raise UsageError(f"-o {path.strip()}=… is no path of an option", hint="write -o /Section/Option=value")
    if names[-1].casefold().endswith("password") or _SECRET_URL.match(value.strip()):
        raise UsageError(
            f"-o {path.strip()}=… holds a password, which others could see",
            hint="put it into a CFG file that only you can read (chmod 600)",
        )
    *parents, name = names[1:]
    tree = Section("/" + "/".join(parents), ORIGIN, {name: Option(value.strip(), ORIGIN)})
    while parents:
        child = parents.pop()
        tree = Section("".join(f"/{parent}" for parent in parents), ORIGIN, {}, {child: tree})
    return tree

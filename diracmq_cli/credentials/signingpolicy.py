"""Which names a CA may certify: the ``<hash>.signing_policy`` files of the IGTF (Globus' EACL format).

::

    access_id_CA   X509    '/C=ch/O=CERN/CN=CERN Grid CA'
    pos_rights     globus  CA:sign
    cond_subjects  globus  '"/C=ch/O=CERN/*" "/DC=ch/DC=cern/*"'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from diracmq_cli.core.dn import normalise
from diracmq_cli.errors import DataError

_LINE = re.compile(r"""(\w+)\s+(\S+)\s+(?:'([^']*)'|"([^"]*)"|(\S+))\s*""")
_ATTRIBUTE = re.compile(r"/[A-Za-z0-9.]+=")
_QUOTED = re.compile(r'"([^"]*)"')


class PolicyError(ValueError):
    """A file is not a signing policy; the message says in which line."""


@dataclass(frozen=True, slots=True)
class SigningPolicy:
    """The subjects that each CA of one file may certify, as patterns by the CA's DN."""

    subjects: dict[str, tuple[re.Pattern[str], ...]]

    def allows(self, authority: str, subject: str) -> bool:
        """Whether the CA ``authority`` may certify ``subject``, both DNs in the one form; a CA that the file does not
        name may certify nobody."""
        return any(pattern.fullmatch(subject) for pattern in self.subjects.get(authority, ()))


def read_signing_policy(text: str) -> SigningPolicy:
    """Read a file. ``*`` stands for any characters, ``/`` among them, ``?`` for one; letters' case counts.

    Raises:
        PolicyError: a line is not of this format.
    """
    subjects: dict[str, tuple[re.Pattern[str], ...]] = {}
    authority: str | None = None
    signs = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise PolicyError(f"line {number} is not a keyword, a kind and a value")
        keyword, value = match[1], next(group for group in match.groups()[2:] if group is not None)
        if keyword == "access_id_CA":
            authority, signs = _normal(value, number), False
        elif keyword in ("pos_rights", "neg_rights"):
            signs = keyword == "pos_rights" and value == "CA:sign"
        elif keyword == "cond_subjects" and authority is not None:
            if signs:
                patterns = tuple(_pattern(each, number) for each in _QUOTED.findall(value) or [value])
                subjects[authority] = subjects.get(authority, ()) + patterns
        else:
            raise PolicyError(f"line {number} has {keyword} where none is expected")
    return SigningPolicy(subjects)


def _normal(dn: str, number: int) -> str:
    try:
        return normalise(dn)
    except DataError as error:
        raise PolicyError(f"line {number}: {error}") from None


def _pattern(text: str, number: int) -> re.Pattern[str]:
    plain = _normal(text, number) if _ATTRIBUTE.match(text) else text  # "*" and "/*" are no DNs
    return re.compile(re.escape(plain).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)

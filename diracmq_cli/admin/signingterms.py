"""What each CA may certify, as the plugin reads it: the ``<hash>.signing_policy`` files of a CA directory in one.

The plugin need not know their format, and the directory may be another's than the broker's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.erlang import erlang_string
from diracmq_cli.credentials.files import read_file
from diracmq_cli.credentials.signingpolicy import PolicyError, read_signing_policy
from diracmq_cli.errors import CredentialError

if TYPE_CHECKING:
    from diracmq_cli.admin.authorities import Authorities

POLICIES = "signing_policy.config"
"""The file's name beside the other files of a node."""


@dataclass(frozen=True, slots=True)
class SigningTerms:
    """The patterns by the CA's DN, regular expressions over the whole DN of a subject, in the one form.

    A CA whose file cannot be used is there without a pattern, so that it certifies nobody; ``faults`` says why.
    ``without`` are the DNs of those that have no file.
    """

    patterns: dict[str, tuple[str, ...]]
    faults: tuple[str, ...]
    without: tuple[str, ...]

    @property
    def text(self) -> str:
        """The file: a term ``{DN, [pattern]}`` for each CA; the same terms give the same text."""
        lines = [
            f"{{{erlang_string(dn)},\n [{', '.join(map(erlang_string, patterns))}]}}.\n"
            for dn, patterns in self.patterns.items()
        ]
        return "%% Written by dirac-mq from the signing_policy files of the CA directory.\n" + "".join(lines)


def signing_terms(authorities: Authorities) -> SigningTerms:
    """Read the signing policies that lie beside the CAs, under the same hash."""
    patterns: dict[str, tuple[str, ...]] = {}
    faults: list[str] = []
    without: list[str] = []
    for dn, file in _files(authorities):
        if not file.exists():
            without.append(dn)
            continue
        try:
            octets = read_file(str(file), "signing policy", "").octets
            policy = read_signing_policy(octets.decode("utf-8", "surrogateescape"))
            if dn not in policy.subjects:
                raise PolicyError(f"it does not name {dn}")
        except (PolicyError, CredentialError) as error:
            faults.append(f"{dn} can certify nobody: {file} is no signing policy of it ({error})")
            patterns[dn] = ()
        else:
            # The one form of a DN is ASCII, so that any other pattern matches nothing.
            patterns[dn] = tuple(p.pattern for p in policy.subjects[dn] if p.pattern.isascii())
    return SigningTerms(patterns, tuple(faults), tuple(without))


def _files(authorities: Authorities) -> Iterator[tuple[str, Path]]:
    """Each CA's name once, with the file that may hold its policy; a CA that renews its key has two certificates."""
    seen = {authority.dn: authority.file.with_suffix(".signing_policy") for authority in authorities.trusted}
    yield from seen.items()

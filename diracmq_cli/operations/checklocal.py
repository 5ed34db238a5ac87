"""Judge what is on this machine: configuration, credential, CA directory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.finding import Finding
from diracmq_cli.core.quantity import format_duration

if TYPE_CHECKING:
    from diracmq_cli.core.identity import Identity
    from diracmq_cli.core.probing import AuthorityFacts, LocalFacts, RemoteFacts

ENDS_SOON = 1800.0
"""Seconds; a proxy that ends sooner is said to."""

_SHOWN = 3
"""Sentences about the CA directory that are shown; one that nobody looks after has hundreds."""

_NEW_PROXY = "make a new proxy: dirac-proxy-init"
_FETCH_CRLS = "fetch-crl, or ask whoever looks after this machine's CA directory"


def configuration(facts: LocalFacts) -> Finding:
    """The files that were read."""
    if not facts.files:
        return Finding.warning(
            "configuration", "no CFG file was found", hint="name one with --cfg FILE or DIRACSYSCONFIG"
        )
    return Finding.ok("configuration", ", ".join(facts.files))


def remote(facts: RemoteFacts | None) -> Finding:
    """What the remote CS has said."""
    if facts is None:
        return Finding.skipped("CS", "not asked: the files say all that is needed")
    said = f"{facts.server}, {format_duration(facts.age)} ago"
    if facts.stale:
        why = "; ".join(facts.trouble) or f"a copy: {said}"
        return Finding.warning("CS", why, hint="dirac-mq check --cs-max-age 0 asks its servers now")
    if facts.trouble:
        return Finding.warning("CS", "; ".join((said, *facts.trouble)))
    return Finding.ok("CS", said)


def credential(identity: Identity, now: float) -> Finding:
    """A credential that can be used. ``now`` is in seconds since the epoch."""
    left = identity.not_after - now
    parts = [
        f"{identity.kind} {identity.certificate_file} of {identity.dn}",
        *([] if identity.group is None else [f"group {identity.group}"]),
        *(["limited"] if identity.limited else []),
        f"{format_duration(left)} left",
    ]
    if identity.key_file != identity.certificate_file:
        parts.append(f"key {identity.key_file}{' (with a passphrase)' if identity.encrypted_key else ''}")
    detail = ", ".join(parts)
    if left < ENDS_SOON:
        return Finding.warning("credential", detail, hint=_NEW_PROXY)
    return Finding.ok("credential", detail)


def authorities(directory: str, facts: AuthorityFacts) -> Finding:
    """The CA directory. A CA without a CRL vouches for no signature; TLS does not need one."""
    count = f"{facts.authorities} {'CA' if facts.authorities == 1 else 'CAs'}"
    if facts.without_crl:
        count += f", {facts.without_crl} without a CRL"
    detail = f"{directory}: {count}"
    if not facts.concerns:
        return Finding.ok("CA directory", detail)
    return Finding.warning("CA directory", f"{detail}; {_first(facts.concerns)}", hint=_FETCH_CRLS)


def _first(sentences: Sequence[str]) -> str:
    more = len(sentences) - _SHOWN
    return "; ".join(sentences[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")

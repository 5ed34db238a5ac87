"""Render, wired: the configuration of one node, from the CS, the CA directory and the flags."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.authorities import Authorities, read_authorities
from diracmq_cli.admin.conffiles import MAX_PROXIES, Check, Limited, NodeSettings
from diracmq_cli.admin.delivery import Delivered, deliver, staging, write_files
from diracmq_cli.admin.plan import Plan, make_plan
from diracmq_cli.admin.plugin import build_plugin
from diracmq_cli.admin.readme import readme
from diracmq_cli.admin.rendering import DEFINITIONS, node_files
from diracmq_cli.admin.signingterms import POLICIES, SigningTerms, signing_terms
from diracmq_cli.errors import ConfigError
from diracmq_cli.output.escape import visible
from diracmq_cli.wiring.reaching import broker_model

if TYPE_CHECKING:
    from diracmq_cli.core.model import HostPort
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

BUNDLE = "ca.pem"
PLUGINS = "plugins"
PROMETHEUS_PORT = 15692


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """The flags of ``broker render``; paths are as they will be on the broker's host, but for ``out``."""

    service: str | None
    out: Path
    etc: Path
    ca_directory: Path
    certificate: Path
    key: Path
    listeners: tuple[HostPort, ...] = ()
    crl: Check = Check.REQUIRE
    signing_policy: Check = Check.IF_PRESENT
    limited: Limited = Limited.ALLOW
    max_proxies: int = MAX_PROXIES
    with_users: bool = False
    strict: bool = False


def run_render(setup: Setup, options: RenderOptions, console: Console) -> None:
    """Write the files and say of each whether it is new, has changed, or is the same; warn of what is odd.

    Raises:
        UsageError, UnknownDestination, ConfigError, CredentialError: see ``broker_model`` and ``make_plan``; also if
            rights reach pilots under ``strict``.
        OutputError: a file cannot be written.
    """
    from diracmq_cli.config import read_registry

    model = broker_model(setup, options.service)
    plan = make_plan(model, read_registry(setup.configuration))
    authorities = read_authorities(options.ca_directory, now=time.time())
    terms = signing_terms(authorities)
    for text in (*_concerns(plan, authorities, options), *_policy_concerns(terms, options)):
        console.talk.warning(text)
    settings = _settings(options)
    with staging(options.out) as scratch:
        plugin = build_plugin(scratch / PLUGINS).name
        files = node_files(plan, settings, with_users=options.with_users)
        files[BUNDLE] = authorities.bundle
        files[POLICIES] = terms.text
        files["README"] = readme(
            plan,
            settings,
            service=str(options.service),
            etc=str(options.etc),
            plugin=plugin,
            bundle=BUNDLE,
            with_users=options.with_users,
        )
        write_files(scratch, files, secret=frozenset({DEFINITIONS}) if options.with_users else frozenset())
        delivered = deliver(scratch, options.out)
    for each in delivered:
        console.writer.write(console.look.encode(_row(each, json=console.json) + "\n"))
    console.writer.flush()
    console.talk.info(f"where each goes: {options.out / 'README'}")


def _settings(options: RenderOptions) -> NodeSettings:
    return NodeSettings(
        listeners=options.listeners,
        certificate=options.certificate,
        key=options.key,
        authorities=options.etc / BUNDLE,
        revocations=options.ca_directory,
        definitions=options.etc / DEFINITIONS,
        crl=options.crl,
        policies=options.etc / POLICIES,
        signing_policy=options.signing_policy,
        limited=options.limited,
        max_proxies=options.max_proxies,
        prometheus=PROMETHEUS_PORT,
    )


def _concerns(plan: Plan, authorities: Authorities, options: RenderOptions) -> Iterator[str]:
    """What to warn of.

    Raises:
        ConfigError: rights reach pilots, and ``strict`` does not allow it.
    """
    if options.strict and plan.pilot_concerns:
        more = len(plan.pilot_concerns) - 1
        raise ConfigError(
            plan.pilot_concerns[0] + (f" (and {more} more like it)" if more else ""),
            hint="let pilots run under a DN of their own, or render without --strict",
        )
    yield from plan.concerns
    yield from plan.pilot_concerns
    yield from authorities.left_out
    without = authorities.without_crl
    if options.crl is Check.REQUIRE and without:
        others = f" and {len(without) - 1} more CAs" if len(without) > 1 else ""
        yield f"no CRL of {without[0]}{others} in {options.ca_directory}: whom they certified is refused (--crl)"
    for path in (options.certificate, options.key):
        if not path.exists():
            yield f"{path} is not on this machine; the broker's host must have it"


def _policy_concerns(terms: SigningTerms, options: RenderOptions) -> Iterator[str]:
    if options.signing_policy is Check.OFF:
        return
    yield from terms.faults
    if options.signing_policy is Check.REQUIRE and terms.without:
        others = f" and {len(terms.without) - 1} more CAs" if len(terms.without) > 1 else ""
        yield (
            f"no signing policy of {terms.without[0]}{others} in {options.ca_directory}: "
            "whom they certified is refused (--signing-policy)"
        )


def _row(delivered: Delivered, *, json: bool) -> str:
    path = str(delivered.path)
    return dumps({"file": path, "state": delivered.state}) if json else f"{delivered.state}\t{visible(path)}"

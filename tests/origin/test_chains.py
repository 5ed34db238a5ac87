"""The table of chains that the broker's plugin is judged by, given to the trust store."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from cryptography import x509
from support import chain_cases_bad as bad
from support import chain_cases_good as good
from support.chain_world import Case, world
from support.chains import Issued
from support.origin_world import CaFiles, der_of

from diracmq_cli.core.refusal import Refusal
from diracmq_cli.credentials import TrustStore, VerifiedChain
from diracmq_cli.errors import VerificationError

R = Refusal
REASONS = {
    "signed_by_end_entity": {R.SIGNED_BY_END_ENTITY, R.CHAIN_ORDER},
    "ca_below_end_entity": {R.SIGNED_BY_END_ENTITY, R.CA_AS_SIGNER, R.CHAIN_PADDED},
    "proxy_subject": {R.PROXY_SUBJECT},
    "proxy_issuer": {R.CHAIN_ORDER},
    "legacy_proxy": {R.LEGACY_PROXY, R.SIGNED_BY_END_ENTITY},
    "key_cert_sign": {R.KEY_USAGE, R.SIGNED_BY_END_ENTITY},
    "no_digital_signature": {R.KEY_USAGE},
    "invalid_ext_key_usage": {R.KEY_USAGE},
    "unknown_critical_extension": {R.CHAIN_INVALID, R.LEGACY_PROXY},
    "weak_signature": {R.WEAK_DIGEST},
    "proxy_is_a_ca": {R.PROXY_FORM},
    "proxy_alt_name": {R.PROXY_FORM},
    "duplicate_extension": {R.CERTIFICATE},
    "proxy_info_not_critical": {R.PROXY_FORM},
    "proxy_info_malformed": {R.PROXY_FORM},
    "proxy_policy": {R.PROXY_POLICY, R.PROXY_INDEPENDENT},
    "invalid_signature": {R.CHAIN_SIGNATURE},
    "proxy_path_too_long": {R.PATH_LENGTH},
    "too_many_proxies": {R.CHAIN_TOO_LONG},
    "full_below_limited": {R.PROXY_WIDENED},
    "ambiguous_name": {R.NAME},
    "multi_valued_rdn": {R.NAME},
    "empty_name": {R.NAME},
    "name_too_long": {R.NAME},
    "name_encoding": {R.NAME},
    "expired": {R.EXPIRED},
    "not_yet_valid": {R.NOT_YET_VALID},
    "unknown_ca": {R.UNKNOWN_CA, R.CHAIN_PADDED},
    "selfsigned_peer": {R.UNKNOWN_CA},
    "ca_is_not_a_user": {R.CA_AS_SIGNER},
    "proxy_signed_by_ca": {R.CA_AS_SIGNER, R.CHAIN_INCOMPLETE},
    "max_path_length_reached": {R.CHAIN_INVALID},
    "invalid_key_usage": {R.SIGNED_BY_END_ENTITY},
    "revoked": {R.REVOKED},
    "no_crl": {R.NO_CRL},
}
"""The plugin's reasons, and ours for the same faults. It sees the CAs that a client sends; a stamp brings none."""


NOT_OURS = {"no limited", "two proxies", "policy", "policy if present"}
"""Listeners that refuse what the rules allow, and those with signing policies, which test_trust.py tries."""

ROWS_GOOD = [
    case
    for group in (good.good_users, good.good_names, good.good_proxies)
    for case in group(world())
    if case.listener not in NOT_OURS
]
ROWS_BAD = [
    case
    for group in bad.GROUPS
    for case in group(world())
    if case.listener not in NOT_OURS
    and case.reason in REASONS  # of CRLs that cannot be believed, test_trust.py
    and "revoked sub-CA" not in case.name  # its CRL is not among those of the directory below
    and not case.name.endswith("a path length of three octets")  # a bound of the plugin's; the RFC has none
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the table's CAs, in which one has no CRL."""
    made = world()
    files = CaFiles(tmp_path_factory.mktemp("certificates"))
    for ca in (made.ca, made.sub_ca, made.short_ca, made.expired_ca, made.future_ca):
        files.trust(ca, made.revoked, subjects=None)
    (files.directory / f"{files.trust(made.no_crl_ca, subjects=None)}.r0").unlink()
    return files.directory


@pytest.fixture(scope="module")
def trust(directory: Path) -> TrustStore:
    return TrustStore(str(directory))


def verify(case: Case, directory: Path, trust: TrustStore, scratch: Path) -> VerifiedChain:
    """Give the chain to the trust store; CAs that a client would send after it go into a copy of the directory."""
    chain = list(case.chain)
    sent: list[Issued] = []
    while len(chain) > 1 and _is_ca(chain[-1].certificate):
        sent.append(chain.pop())
    sent = [ca for ca in sent if ca.subject != ca.certificate.issuer and ca is not world().sub_ca]
    if sent:
        files = CaFiles(Path(shutil.copytree(directory, scratch / "certificates")))
        for ca in sent:
            files.trust(ca, subjects=None)
        trust = TrustStore(str(files.directory))
    verified = trust.verify_chain([der_of(issued) for issued in chain], now=time.time())
    verified.check_time(time.time())
    return verified


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False


@pytest.mark.parametrize("case", ROWS_GOOD, ids=lambda case: case.name)
def test_accepted(case: Case, directory: Path, trust: TrustStore, tmp_path: Path) -> None:
    """What the broker lets in, a reader believes: the same DN, the same limitation, as long as the chain lives."""
    verified = verify(case, directory, trust, tmp_path)

    assert (verified.dn, verified.depth, verified.limited) == (case.dn, case.depth, case.kind == "limited_proxy")
    assert verified.not_after <= case.until.timestamp()


@pytest.mark.parametrize("case", ROWS_BAD, ids=lambda case: case.name)
def test_refused(case: Case, directory: Path, trust: TrustStore, tmp_path: Path) -> None:
    """What the broker refuses, a reader refuses for the same reason."""
    with pytest.raises(VerificationError) as caught:
        verify(case, directory, trust, tmp_path)

    assert case.reason is not None
    assert caught.value.reason in REASONS[case.reason], f"{caught.value.reason}: {caught.value}"

"""Proxies from Globus, OpenSSL and DIRAC are read as those tools themselves read them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from support.dirac_env import run_dirac
from support.proxies import LIMITED, Holder, by_dirac, by_globus, by_openssl

from diracmq_cli.core.identity import CredentialKind, Identity
from diracmq_cli.credentials import CredentialFiles, read_identity

JANE = "/DC=org/DC=example/CN=Jane Doe"
TOOLS: dict[str, Callable[[Holder, Path], Path]] = {"globus": by_globus, "openssl": by_openssl, "dirac": by_dirac}

AS_DIRAC_READS_IT = """
import json, sys
from DIRAC.Core.Security.X509Chain import X509Chain
chain = X509Chain()
assert chain.loadProxyFromFile(sys.argv[1])["OK"]
print(json.dumps({
    "dn": chain.getIssuerCert()["Value"].getSubjectDN()["Value"],
    "proxy": chain.isProxy()["Value"],
    "limited": chain.isLimitedProxy()["Value"],
    "group": chain.getDIRACGroup(ignoreDefault=True)["Value"],
    "left": chain.getRemainingSecs()["Value"],
}))
"""


def read(file: Path) -> Identity:
    return read_identity(CredentialFiles(str(file), str(file), CredentialKind.PROXY), now=time.time())


def as_dirac_reads(file: Path) -> dict[str, object]:
    answer: dict[str, object] = json.loads(run_dirac(AS_DIRAC_READS_IT, str(file)))
    return answer


@pytest.mark.parametrize("tool", TOOLS)
def test_proxy_is_its_end_entity(tool: str, jane: Holder, tmp_path: Path) -> None:
    """A proxy reads as a full proxy of depth 1 of its end entity, valid for as long as its shortest part."""
    file = TOOLS[tool](jane, tmp_path / "proxy")

    identity = read(file)

    certificates = x509.load_pem_x509_certificates(file.read_bytes())
    assert identity == Identity(
        dn=JANE,
        kind=CredentialKind.PROXY,
        certificate_file=str(file),
        key_file=str(file),
        not_before=max(c.not_valid_before_utc.timestamp() for c in certificates),
        not_after=min(c.not_valid_after_utc.timestamp() for c in certificates),
        proxy_depth=1,
    )


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("second", TOOLS)
def test_proxy_of_a_proxy(tool: str, second: str, jane: Holder, tmp_path: Path) -> None:
    """A proxy of a proxy, each by any tool, is still the end entity's."""
    first = TOOLS[tool](jane, tmp_path / "first")

    identity = read(TOOLS[second](Holder.of_proxy(first), tmp_path / "second"))

    assert (identity.dn, identity.proxy_depth, identity.limited) == (JANE, 2, False)


def test_times_are_those_openssl_prints(jane: Holder, tmp_path: Path) -> None:
    """The life of a proxy is the one that `openssl x509` prints for it."""
    file = by_globus(jane, tmp_path / "proxy", "-rfc", "-valid", "3:30")

    identity = read(file)

    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-dates", "-dateopt", "iso_8601", "-in", str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    form = "%Y-%m-%d %H:%M:%SZ"
    assert time.strftime(f"notBefore={form}\n", time.gmtime(identity.not_before)) in printed
    assert time.strftime(f"notAfter={form}\n", time.gmtime(identity.not_after)) in printed


def test_agrees_with_grid_proxy_info(jane: Holder, tmp_path: Path) -> None:
    """Owner, kind and remaining time are what grid-proxy-info says."""
    file = by_globus(jane, tmp_path / "proxy", "-rfc", "-limited", "-path-length", "3")

    identity = read(file)

    def info(option: str) -> str:
        command = ["grid-proxy-info", "-file", str(file), option]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert identity.dn == info("-identity")
    assert "limited" in info("-type")
    assert identity.limited
    assert info("-path") == str(file)
    assert abs(identity.not_after - time.time() - int(info("-timeleft"))) <= 2
    assert identity.path_length == 3


@pytest.mark.parametrize("limited", [False, True])
def test_agrees_with_dirac(limited: bool, jane: Holder, tmp_path: Path) -> None:
    """Owner, limitation, group and remaining time are what DIRAC's own code says."""
    file = by_dirac(jane, tmp_path / "proxy", group="dirac_pilot", limited=limited, lifetime=7200)

    identity, theirs = read(file), as_dirac_reads(file)

    assert (identity.dn, identity.limited, identity.group) == (theirs["dn"], theirs["limited"], theirs["group"])
    assert identity.group == "dirac_pilot"
    assert abs(identity.not_after - time.time() - float(str(theirs["left"]))) <= 3


def test_group_of_two_is_the_one_dirac_believes(jane: Holder, tmp_path: Path) -> None:
    """Where two steps name a group, the one next to the end entity counts, as in DIRAC."""
    first = by_dirac(jane, tmp_path / "first", group="dirac_user")
    second = by_dirac(Holder.of_proxy(first), tmp_path / "second", group="dirac_admin")

    assert as_dirac_reads(second)["group"] == "dirac_user"
    assert read(second).group == "dirac_user"


def test_group_survives_a_step_without_one(jane: Holder, tmp_path: Path) -> None:
    """A proxy made from a proxy with a group keeps the group, whichever tool made it."""
    first = by_dirac(jane, tmp_path / "first", group="dirac_user")

    assert read(by_globus(Holder.of_proxy(first), tmp_path / "second")).group == "dirac_user"


def test_limited_stays_limited(jane: Holder, tmp_path: Path) -> None:
    """A full proxy made from a limited one is limited."""
    first = by_openssl(jane, tmp_path / "first", policy=LIMITED)

    assert read(by_openssl(Holder.of_proxy(first), tmp_path / "second")).limited


def test_path_length_counts_down(jane: Holder, tmp_path: Path) -> None:
    """The path length left is the smallest of what each step allows, one less per step."""
    first = by_openssl(jane, tmp_path / "first", path_length=2)
    second = by_openssl(Holder.of_proxy(first), tmp_path / "second", path_length=5)
    third = by_openssl(Holder.of_proxy(second), tmp_path / "third")

    assert [read(file).path_length for file in (first, second, third)] == [2, 1, 0]

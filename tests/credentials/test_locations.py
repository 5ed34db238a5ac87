"""Credentials and CAs are found by the grid's conventions, and what was asked for is never silently replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.pki import PKI

from diracmq_cli.core.identity import CredentialKind, CredentialRequest, CredentialSettings
from diracmq_cli.credentials import CredentialFiles, locate, locate_ca_directory, locate_host_certificate, locations
from diracmq_cli.errors import CredentialError, UsageError

UID = os.getuid()
NO_REQUEST = CredentialRequest()
NO_SETTINGS = CredentialSettings()
NEW_PROXY = "make a new proxy: dirac-proxy-init"
HOST_HINT = "ask for a host certificate from your certificate authority, or name one with --cert and --key"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own is found: ``/tmp`` and ``/etc/grid-security`` are two empty directories."""
    monkeypatch.setattr(locations, "PROXY_DIRECTORY", str(tmp_path / "tmp"))
    monkeypatch.setattr(locations, "SYSTEM_GRID_SECURITY", str(tmp_path / "etc"))
    for name in ("tmp", "etc"):
        (tmp_path / name).mkdir()


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("something")


def pair(directory: Path, certificate: str, key: str, kind: CredentialKind) -> CredentialFiles:
    put(directory / certificate, directory / key)
    return CredentialFiles(str(directory / certificate), str(directory / key), kind)


def refusal(request: CredentialRequest, settings: CredentialSettings, environment: dict[str, str]) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        locate(request, settings, environment, UID)
    return caught.value


def test_order(tmp_path: Path) -> None:
    """Each place is asked in DIRAC's order: taking the first away brings the next to light."""
    proxy, grid, user, default = (tmp_path / name for name in ("proxy", "grid", "user", f"tmp/x509up_u{UID}"))
    put(proxy, grid, user, default)
    named = pair(tmp_path / "named", "cert.pem", "key.pem", CredentialKind.USER_CERTIFICATE)
    environment_pair = pair(tmp_path / "env", "cert.pem", "key.pem", CredentialKind.USER_CERTIFICATE)
    home_pair = pair(tmp_path / "home/.globus", "usercert.pem", "userkey.pem", CredentialKind.USER_CERTIFICATE)
    host = pair(tmp_path / "etc", "hostcert.pem", "hostkey.pem", CredentialKind.HOST_CERTIFICATE)
    environment = {
        "GRID_PROXY_FILE": str(grid),
        "X509_USER_PROXY": str(user),
        "X509_USER_CERT": environment_pair.certificate,
        "X509_USER_KEY": environment_pair.key,
        "HOME": str(tmp_path / "home"),
    }

    def now(request: CredentialRequest = NO_REQUEST, settings: CredentialSettings = NO_SETTINGS) -> CredentialFiles:
        return locate(request, settings, environment, UID)

    def a_proxy(file: Path) -> CredentialFiles:
        return CredentialFiles(str(file), str(file), CredentialKind.PROXY)

    server = CredentialSettings(use_server_certificate=True)
    assert now(CredentialRequest(proxy=str(proxy)), server) == a_proxy(proxy)
    assert now(CredentialRequest(certificate=named.certificate, key=named.key), server) == named
    assert now(settings=server) == host
    assert now() == a_proxy(grid)
    del environment["GRID_PROXY_FILE"]
    assert now() == a_proxy(user)
    environment["X509_USER_PROXY"] = ""
    assert now() == a_proxy(default)
    default.unlink()
    assert now() == environment_pair
    del environment["X509_USER_CERT"], environment["X509_USER_KEY"]
    assert now() == home_pair


@pytest.mark.parametrize("by", ["--proxy", "X509_USER_PROXY", "GRID_PROXY_FILE"])
def test_proxy_directory_of_a_pilot(by: str, tmp_path: Path) -> None:
    """Where the proxy is a directory, the host certificate and key in it are the credential."""
    expected = pair(tmp_path / "pilot", "hostcert.pem", "hostkey.pem", CredentialKind.HOST_CERTIFICATE)
    directory = str(tmp_path / "pilot")
    request = CredentialRequest(proxy=directory) if by == "--proxy" else NO_REQUEST
    environment = {} if by == "--proxy" else {by: directory}

    assert locate(request, NO_SETTINGS, environment, UID) == expected

    Path(expected.key).unlink()
    error = refusal(request, NO_SETTINGS, environment)
    assert str(error) == f"host certificate {expected.key} (named by {by}) does not exist"


@pytest.mark.parametrize("variable", ["X509_USER_PROXY", "GRID_PROXY_FILE"])
def test_missing_proxy_is_not_replaced(variable: str, tmp_path: Path) -> None:
    """A proxy that the environment names and that is not there is an error, even with another credential at hand."""
    put(tmp_path / f"tmp/x509up_u{UID}")
    error = refusal(NO_REQUEST, NO_SETTINGS, {variable: f"{tmp_path}/gone"})
    assert str(error) == f"proxy {tmp_path}/gone (named by {variable}) does not exist"
    assert error.hint == NEW_PROXY


def test_missing_request_is_not_replaced(tmp_path: Path) -> None:
    """So is one that the command line names."""
    put(tmp_path / f"tmp/x509up_u{UID}", tmp_path / "cert")
    assert (
        str(refusal(CredentialRequest(proxy="/no"), NO_SETTINGS, {})) == "proxy /no (named by --proxy) does not exist"
    )
    for request in (
        CredentialRequest(certificate="/no"),
        CredentialRequest(certificate=f"{tmp_path}/cert", key="/no"),
    ):
        error = refusal(request, NO_SETTINGS, {})
        assert str(error) == "user certificate /no (named by --cert and --key) does not exist"


def test_certificate_with_its_key(tmp_path: Path) -> None:
    """--cert alone is a file that holds the key too."""
    put(tmp_path / "both")
    both = str(tmp_path / "both")
    found = locate(CredentialRequest(certificate=both), NO_SETTINGS, {}, UID)
    assert found == CredentialFiles(both, both, CredentialKind.USER_CERTIFICATE)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (CredentialRequest(proxy="p", certificate="c"), "--proxy excludes --cert and --key"),
        (CredentialRequest(proxy="p", key="k"), "--proxy excludes --cert and --key"),
        (CredentialRequest(key="k"), "--key needs --cert"),
    ],
)
def test_flags_that_contradict(request_: CredentialRequest, text: str) -> None:
    """Flags that make no sense together are a mistake of usage."""
    with pytest.raises(UsageError) as caught:
        locate(request_, NO_SETTINGS, {}, UID)
    assert str(caught.value) == text


def test_nothing_found(tmp_path: Path) -> None:
    """With nothing anywhere, every place is named, and how to make a proxy."""
    error = refusal(NO_REQUEST, NO_SETTINGS, {"HOME": "/nowhere"})
    assert str(error) == (
        "no credential found; X509_USER_PROXY is not set, and there is "
        f"no {tmp_path}/tmp/x509up_u{UID}, no /nowhere/.globus/usercert.pem, no /nowhere/.globus/userkey.pem"
    )
    assert error.hint == NEW_PROXY


def test_no_home(tmp_path: Path) -> None:
    """A batch job may have no HOME; that is no failure of its own."""
    text = str(refusal(NO_REQUEST, NO_SETTINGS, {}))
    assert text.endswith(f"and there is no {tmp_path}/tmp/x509up_u{UID}")


def test_missing_user_key(tmp_path: Path) -> None:
    """A named certificate without any key is not enough, and a named key that is missing is named."""
    put(tmp_path / "cert")
    environment = {"X509_USER_CERT": f"{tmp_path}/cert", "HOME": "/nowhere"}
    assert str(refusal(NO_REQUEST, NO_SETTINGS, environment)).endswith("no /nowhere/.globus/userkey.pem")
    error = refusal(NO_REQUEST, NO_SETTINGS, {**environment, "X509_USER_KEY": "/no"})
    assert str(error) == "user certificate /no (named by X509_USER_KEY) does not exist"


def test_planted_proxy(tmp_path: Path) -> None:
    """A proxy in /tmp that is another user's is not taken: it would make us log in as him."""
    put(tmp_path / "tmp/x509up_u12345")
    with pytest.raises(CredentialError) as caught:
        locate(NO_REQUEST, NO_SETTINGS, {}, 12345)
    assert str(caught.value) == f"proxy {tmp_path}/tmp/x509up_u12345 belongs to another user (uid {UID})"
    assert caught.value.hint == "name your own with X509_USER_PROXY or --proxy"


def test_host_certificate_order(tmp_path: Path) -> None:
    """DIRAC's places for the host certificate, in its order."""
    system = pair(tmp_path / "etc", "hostcert.pem", "hostkey.pem", CredentialKind.HOST_CERTIFICATE)
    root = pair(tmp_path / "root/etc/grid-security", "diraccert.pem", "dirackey.pem", system.kind)
    first = pair(tmp_path / "root/etc/grid-security", "servercert.pem", "serverkey.pem", system.kind)
    grid = pair(tmp_path / "grid", "servicecert.pem", "servicekey.pem", system.kind)
    cfg = pair(tmp_path / "cfg", "c.pem", "k.pem", system.kind)
    env = pair(tmp_path / "env", "c.pem", "k.pem", system.kind)
    where = {"root": f"{tmp_path}/root", "grid_security": f"{tmp_path}/grid"}
    configured = CredentialSettings(certificate=cfg.certificate, key=cfg.key, **where)
    environment = {"DIRAC_X509_HOST_CERT": env.certificate, "DIRAC_X509_HOST_KEY": env.key}

    assert locate_host_certificate(configured, environment) == env
    assert locate_host_certificate(configured, {}) == cfg
    assert locate_host_certificate(CredentialSettings(**where), {}) == grid
    assert locate_host_certificate(CredentialSettings(root=where["root"]), {}) == first
    Path(first.key).unlink()
    assert locate_host_certificate(CredentialSettings(root=where["root"]), {}) == root
    assert locate_host_certificate(NO_SETTINGS, {}) == system
    Path(system.certificate).unlink()
    assert locate_host_certificate(NO_SETTINGS, {}) is None


def test_host_certificate_named_and_missing(tmp_path: Path) -> None:
    """A host certificate that is named and not there is an error that says who named it."""
    settings = CredentialSettings(certificate="/no/cert", key="/no/key")
    with pytest.raises(CredentialError) as caught:
        locate_host_certificate(settings, {})
    assert str(caught.value) == "host certificate /no/cert (named by /DIRAC/Security/CertFile) does not exist"
    assert caught.value.hint == HOST_HINT


def test_server_without_a_certificate(tmp_path: Path) -> None:
    """UseServerCertificate without any host certificate never falls back to a person's."""
    put(tmp_path / f"tmp/x509up_u{UID}")
    error = refusal(NO_REQUEST, CredentialSettings(use_server_certificate=True, root="/opt/dirac"), {})
    assert str(error) == (
        "the CFG says UseServerCertificate, and there is no host certificate that we may read in "
        f"/opt/dirac/etc/grid-security, {tmp_path}/etc"
    )
    assert error.hint == HOST_HINT


def test_ca_directory_order(tmp_path: Path) -> None:
    """CA directories in the grid's order; those that nobody named are passed over when they hold no CA."""
    places = [tmp_path / name for name in ("flag", "env", "cfg", "grid/certificates")]
    places += [tmp_path / "root/etc/grid-security/certificates", tmp_path / "etc/certificates"]
    put(*(place / "0a1b2c3d.0" for place in places))
    flag, env, cfg, grid, root, system = map(str, places)
    where = {"root": f"{tmp_path}/root", "grid_security": f"{tmp_path}/grid"}
    request = CredentialRequest(ca_directory=flag)

    assert locate_ca_directory(request, CredentialSettings(ca_directory=cfg), {"X509_CERT_DIR": env}) == flag
    assert locate_ca_directory(NO_REQUEST, CredentialSettings(ca_directory=cfg), {"X509_CERT_DIR": env}) == env
    assert locate_ca_directory(NO_REQUEST, CredentialSettings(ca_directory=cfg, **where), {}) == cfg
    assert locate_ca_directory(NO_REQUEST, CredentialSettings(**where), {}) == grid
    (places[3] / "0a1b2c3d.0").rename(places[3] / "ca.pem")
    assert locate_ca_directory(NO_REQUEST, CredentialSettings(**where), {}) == root
    assert locate_ca_directory(NO_REQUEST, NO_SETTINGS, {}) == system


def test_ca_directory_of_a_real_pki(pki: PKI) -> None:
    """A directory that `openssl rehash` made is one."""
    found = locate_ca_directory(NO_REQUEST, NO_SETTINGS, {"X509_CERT_DIR": str(pki.ca_directory)})
    assert found == str(pki.ca_directory)


def test_ca_directory_named_and_useless(tmp_path: Path) -> None:
    """A CA directory that is named must be there and hold hashed CAs: trusting others instead would be worse."""
    put(tmp_path / "etc/certificates/0a1b2c3d.0", tmp_path / "unhashed/ca.pem", tmp_path / "crls/0a1b2c3d.r0")
    hint = "name the directory of the CA certificates (hashed: *.0) with --capath or X509_CERT_DIR"
    for name, fault in (
        ("no", "is not a directory"),
        ("unhashed", "holds no hashed CA certificates"),
        ("crls", "holds no hashed CA certificates"),
    ):
        with pytest.raises(CredentialError) as caught:
            locate_ca_directory(CredentialRequest(ca_directory=f"{tmp_path}/{name}"), NO_SETTINGS, {})
        assert str(caught.value) == f"CA directory {tmp_path}/{name} (named by --capath) {fault}"
        assert caught.value.hint == hint


def test_no_ca_directory(tmp_path: Path) -> None:
    """With none anywhere, every place is named."""
    with pytest.raises(CredentialError) as caught:
        locate_ca_directory(NO_REQUEST, CredentialSettings(root="/opt/dirac"), {})
    assert str(caught.value) == (
        f"no CA directory found; looked in /opt/dirac/etc/grid-security/certificates, {tmp_path}/etc/certificates"
    )

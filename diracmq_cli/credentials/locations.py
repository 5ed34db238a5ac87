"""Find credentials and the CA directory by the grid's conventions (DIRAC: ``Core/Security/Locations.py``).

Two differences from DIRAC, both on purpose: what is named explicitly and is not there is an error, never a reason to
use somebody else; and a proxy in ``/tmp`` must belong to us, for anybody can put a file there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from diracmq_cli.core.identity import CredentialKind, CredentialRequest, CredentialSettings
from diracmq_cli.credentials.files import CredentialFiles, remedy
from diracmq_cli.errors import CredentialError, UsageError

PROXY_DIRECTORY = "/tmp"  # noqa: S108 - every grid tool looks here, whatever TMPDIR says
SYSTEM_GRID_SECURITY = "/etc/grid-security"

_HOST_PREFIXES = ("server", "host", "dirac", "service")
_CA_HINT = "name the directory of the CA certificates (hashed: *.0) with --capath or X509_CERT_DIR"
_HASHED_CA = re.compile(r"[0-9a-f]{8}\.\d+")


def locate(
    request: CredentialRequest, settings: CredentialSettings, environment: Mapping[str, str], uid: int
) -> CredentialFiles:
    """Find the credential to log in with.

    In this order: ``--proxy``; ``--cert`` and ``--key``; the host certificate when the CFG says
    ``UseServerCertificate``; GRID_PROXY_FILE and X509_USER_PROXY (a directory, as pilots have it, holds hostcert.pem
    and hostkey.pem); ``/tmp/x509up_u<uid>``; X509_USER_CERT and X509_USER_KEY; ``~/.globus/user{cert,key}.pem``.

    Args:
        request: the command line's wishes.
        settings: the local CFG's.
        environment: the process's.
        uid: the user whose proxy is looked for in ``/tmp``.

    Raises:
        UsageError: the flags contradict each other.
        CredentialError: nothing there (every place is named), or what was named explicitly is not there.
    """
    if request.proxy or request.certificate or request.key:
        return _requested(request)
    if settings.use_server_certificate:
        host = locate_host_certificate(settings, environment)
        if host is not None:
            return host
        raise CredentialError(
            "the CFG says UseServerCertificate, and there is no host certificate that we may read in "
            + ", ".join(_host_directories(settings)),
            hint=remedy(CredentialKind.HOST_CERTIFICATE),
        )
    for variable in ("GRID_PROXY_FILE", "X509_USER_PROXY"):
        if environment.get(variable):
            return _proxy(environment[variable], variable)
    looked_in = [f"{PROXY_DIRECTORY}/x509up_u{uid}"]
    if _is_ours(looked_in[0], uid):
        return CredentialFiles(looked_in[0], looked_in[0], CredentialKind.PROXY)
    return _user_certificate(environment, looked_in)


def locate_host_certificate(settings: CredentialSettings, environment: Mapping[str, str]) -> CredentialFiles | None:
    """Find the machine's own certificate, or None: for servers, which log in by password and may have to show it.

    In this order: DIRAC_X509_HOST_CERT and DIRAC_X509_HOST_KEY; the CFG's ``/DIRAC/Security/CertFile`` and
    ``KeyFile``; then ``{server,host,dirac,service}{cert,key}.pem`` in the CFG's Grid-Security directory,
    ``<root>/etc/grid-security`` and ``/etc/grid-security``.

    Raises:
        CredentialError: one was named by the environment or the CFG, and is not there.
    """
    named = (
        (environment.get("DIRAC_X509_HOST_CERT"), environment.get("DIRAC_X509_HOST_KEY"), "DIRAC_X509_HOST_CERT"),
        (settings.certificate, settings.key, "/DIRAC/Security/CertFile"),
    )
    for certificate, key, by in named:
        if certificate and key:
            return _named_pair(certificate, key, by, CredentialKind.HOST_CERTIFICATE)
    for directory in _host_directories(settings):
        for prefix in _HOST_PREFIXES:
            certificate, key = (str(Path(directory, f"{prefix}{part}.pem")) for part in ("cert", "key"))
            if os.access(certificate, os.R_OK) and os.access(key, os.R_OK):
                return CredentialFiles(certificate, key, CredentialKind.HOST_CERTIFICATE)
    return None


def locate_ca_directory(
    request: CredentialRequest, settings: CredentialSettings, environment: Mapping[str, str]
) -> str:
    """Find the directory of the CAs that we trust, with names hashed as OpenSSL does (``<hash>.0``).

    In this order: ``--capath``; X509_CERT_DIR; the CFG's ``/DIRAC/Security/CALocation``; ``certificates`` in its
    Grid-Security directory, in ``<root>/etc/grid-security`` and in ``/etc/grid-security``.

    Raises:
        CredentialError: the one named explicitly does not exist or holds no CA, or none was found anywhere.
    """
    named = (
        (request.ca_directory, "--capath"),
        (environment.get("X509_CERT_DIR"), "X509_CERT_DIR"),
        (settings.ca_directory, "/DIRAC/Security/CALocation"),
    )
    for directory, by in named:
        if directory:
            if _holds_a_ca(directory):
                return directory
            fault = "holds no hashed CA certificates" if _is_directory(directory) else "is not a directory"
            raise CredentialError(f"CA directory {directory} (named by {by}) {fault}", hint=_CA_HINT)
    places = [str(Path(directory, "certificates")) for directory in _host_directories(settings)]
    for place in places:
        if _holds_a_ca(place):
            return place
    raise CredentialError("no CA directory found; looked in " + ", ".join(places), hint=_CA_HINT)


def _requested(request: CredentialRequest) -> CredentialFiles:
    if request.proxy:
        if request.certificate or request.key:
            raise UsageError("--proxy excludes --cert and --key", hint="a proxy file holds its key")
        return _proxy(request.proxy, "--proxy")
    if not request.certificate:
        raise UsageError("--key needs --cert")
    kind = CredentialKind.USER_CERTIFICATE
    return _named_pair(request.certificate, request.key or request.certificate, "--cert and --key", kind)


def _named_pair(certificate: str, key: str, by: str, kind: CredentialKind) -> CredentialFiles:
    for path in (certificate, key):
        _must_exist(path, by, kind)
    return CredentialFiles(certificate, key, kind)


def _proxy(path: str, by: str) -> CredentialFiles:
    if _is_directory(path):
        kind = CredentialKind.HOST_CERTIFICATE
        return _named_pair(str(Path(path, "hostcert.pem")), str(Path(path, "hostkey.pem")), by, kind)
    return _named_pair(path, path, by, CredentialKind.PROXY)


def _user_certificate(environment: Mapping[str, str], looked_in: list[str]) -> CredentialFiles:
    found = []
    home = environment.get("HOME")  # a batch job may have none
    for part in ("cert", "key"):
        variable = f"X509_USER_{part.upper()}"
        if named := environment.get(variable):
            _must_exist(named, variable, CredentialKind.USER_CERTIFICATE)
            found.append(named)
        elif home:
            usual = str(Path(home, ".globus", f"user{part}.pem"))
            (found if _exists(usual) else looked_in).append(usual)
    if len(found) == 2:
        return CredentialFiles(found[0], found[1], CredentialKind.USER_CERTIFICATE)
    raise CredentialError(
        "no credential found; X509_USER_PROXY is not set, and there is no " + ", no ".join(looked_in),
        hint=remedy(CredentialKind.PROXY),
    )


def _must_exist(path: str, by: str, kind: CredentialKind) -> None:
    if not _exists(path):
        raise CredentialError(f"{kind} {path} (named by {by}) does not exist", hint=remedy(kind))


def _exists(path: str) -> bool:
    """Whether there is something; what we may not look at counts, for reading it will say why."""
    try:
        Path(path).stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _is_directory(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where we may not look


def _is_ours(path: str, uid: int) -> bool:
    try:
        owner = Path(path).stat().st_uid
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CredentialError(f"proxy {path} cannot be looked at: {error.strerror}") from error
    if owner != uid:
        raise CredentialError(
            f"proxy {path} belongs to another user (uid {owner})", hint="name your own with X509_USER_PROXY or --proxy"
        )
    return True


def _host_directories(settings: CredentialSettings) -> Iterator[str]:
    if settings.grid_security:
        yield settings.grid_security
    if settings.root:
        yield str(Path(settings.root, "etc", "grid-security"))
    yield SYSTEM_GRID_SECURITY


def _holds_a_ca(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return any(_HASHED_CA.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False

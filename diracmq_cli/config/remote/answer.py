"""What a configuration server answers, whichever way it was asked: DIRAC's return structure around packed CFG text.

Every size is bounded before memory is spent on it: real CSs are some 1 to 3 MB of text, a tenth of that packed.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass

from diracmq_cli.errors import ConfigError, CredentialError, CSUnreachable

LARGEST_REPLY = 32 << 20
"""Octets of an answer as it comes."""

LARGEST_TEXT = 64 << 20
"""Octets of the CFG's text."""

REGISTRATION_HINT = (
    "is the DN registered in that CS (/Registry/Users), and is it the credential you mean? "
    "dirac-proxy-info shows it, dirac-proxy-init makes a new one"
)

_NOT_AUTHORISED = frozenset({13, 1111})
"""``Errno`` of a refusal: EACCES, and DIRAC's ENOAUTH (``DErrno.py``)."""

_DENCODE = tuple(bytes([octet]) for octet in b"dltsnifbuzI")
"""How DEncode's values begin (DIRAC, ``DEncode.py``); of JSON's only true, false and null begin so."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The CS's newest version as the server knows it; ``packed`` is None when ours is not older."""

    version: str
    packed: bytes | None = None

    def text(self) -> str:
        """The CFG's text.

        Raises:
            ConfigError: it is not compressed as DIRAC compresses, too large, or not UTF-8.
        """
        inflate = zlib.decompressobj()
        try:
            octets = inflate.decompress(self.packed or b"", LARGEST_TEXT + 1)
        except zlib.error as error:
            raise ConfigError(f"its data is not zlib-compressed: {error}") from error
        if len(octets) > LARGEST_TEXT:
            raise ConfigError(f"its data unpacks to more than {LARGEST_TEXT >> 20} MiB, which no CS has")
        if not inflate.eof:
            raise ConfigError("its compressed data is cut short")
        try:
            return octets.decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"its CFG is not UTF-8 (octet 0x{octets[error.start]:02x})") from error


def parse(octets: bytes) -> object:
    """What the JSON says.

    Raises:
        ConfigError: it is no JSON.
    """
    start = octets[:256].lstrip()
    if start.startswith(b"<"):
        raise ConfigError(
            "it answers with HTML instead of DIRAC's JSON: something else listens there",
            hint="check the URL; a login page of the site's network looks like this too",
        )
    if start.startswith(_DENCODE) and not start.startswith((b"true", b"false", b"null")):
        raise ConfigError(
            "it speaks DEncode, the encoding before DIRAC v7r2, and only JSON is understood",
            hint="name another server, or ask its operator for DIRAC_USE_JSON_ENCODE=Yes",
        )
    try:
        return json.loads(octets)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise ConfigError("it answers with something that is not JSON") from error


def value(structure: object) -> object:
    """``Value`` of a return structure (DIRAC, ``ReturnValues.py``).

    Raises:
        CredentialError: the server says that we may not.
        CSUnreachable: the server says that it failed.
        ConfigError: it is no return structure.
    """
    if not isinstance(structure, dict) or not isinstance(structure.get("OK"), bool):
        raise ConfigError("its JSON is not DIRAC's: OK and Value are missing")
    if structure["OK"]:
        return structure.get("Value")
    said = _short(structure.get("Message"))
    errno = structure.get("Errno")
    if isinstance(errno, int) and errno in _NOT_AUTHORISED:
        raise CredentialError(f"it refuses our credential: {said}", hint=REGISTRATION_HINT)
    raise CSUnreachable(f"it answers with an error: {said}")


def reply(answer: object, *, tagged: bool) -> Reply:
    """The value of ``getCompressedDataIfNewer``.

    Args:
        answer: ``{"newestVersion": …, "data": …}``, ``data`` only when it is newer.
        tagged: whether octets come as ``{"__dCls": "b64", "obj": …}`` (DIRAC, ``JEncode.py``), as they do in DISET,
            or as bare base64, as they do over https (``TornadoConfigurationHandler.py``).

    Raises:
        ConfigError: it is not that.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("newestVersion"), str):
        raise ConfigError("it names no newestVersion: is it a Configuration/Server")
    version = answer["newestVersion"]
    if not version.isprintable() or len(version) > 64:
        raise ConfigError("its newestVersion is no version")
    data = answer.get("data")
    if data is None:
        return Reply(version)
    if tagged:
        data = data.get("obj") if isinstance(data, dict) and data.get("__dCls") == "b64" else None
    if not isinstance(data, str):
        raise ConfigError("its data is not base64")
    try:
        return Reply(version, base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ConfigError("its data is not base64") from error


def _short(text: object) -> str:
    line = " ".join(text.split()) if isinstance(text, str) else ""
    return (line[:200] + "…" if len(line) > 200 else line) or "no reason given"

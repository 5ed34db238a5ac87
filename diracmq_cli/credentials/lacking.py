"""What to say when M2Crypto cannot be loaded: on a worker node it is the one library that is not ours to bring."""

from __future__ import annotations

import sys

from diracmq_cli.errors import ConfigError

ANOTHER = "source diracos/diracosrc, whose Python has it (the pilot bundle takes any that DIRAC_MQ_PYTHON names)"
"""The next thing to do then."""


def lacks_m2crypto(error: ImportError) -> bool:
    """Whether M2Crypto, or a library that it is linked with, is what could not be imported."""
    return (error.name or "").partition(".")[0] in ("M2Crypto", "_m2crypto")


def without_m2crypto(error: ImportError) -> ConfigError:
    """The error of this package for it."""
    why = "there is no M2Crypto" if error.name == "M2Crypto" else f"M2Crypto cannot be loaded: {error}"
    return ConfigError(f"{why} ({sys.executable})", hint=ANOTHER)

"""Proof of origin: stamps signed and verified with keys and chains."""

from diracmq_cli.origin.sign import Signer
from diracmq_cli.origin.verify import Verifier

__all__ = ["Signer", "Verifier"]

"""All of M2Crypto that keys and signatures need, imported with this module instead of when it is first used."""

from M2Crypto import ASN1, EC, EVP, RSA, X509, m2

__all__ = ["ASN1", "EC", "EVP", "RSA", "X509", "m2"]

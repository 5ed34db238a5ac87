"""Certificates and RFC 3820 proxies: where they are, whether they are good, and TLS with them."""

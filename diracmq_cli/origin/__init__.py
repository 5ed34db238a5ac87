"""Proof of origin: stamps signed with a certificate or proxy, and verified before anything is believed."""

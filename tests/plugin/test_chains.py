"""Every chain of the table, through TLS 1.2 and 1.3, with the verify_fun and the options that a broker has."""

from __future__ import annotations

import re

import pytest
from support.chain_cases import cases
from support.chain_parts import one_line
from support.chain_server import VERSIONS, ChainServer
from support.chain_world import Case

CASES = cases()
OTP_MAY_DECIDE = ("proxy of a user signed with md5",)
"""What a newer OTP refuses itself, without asking the plugin."""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_chain_gets_its_verdict(chain_server: ChainServer, case: Case, version: str) -> None:
    """An honest chain logs in as its end entity and leaves no complaint; another is refused, and one line in the log
    names a certificate and the reason."""
    verdict = chain_server.judge(case.chain, listener=case.listener, version=version)
    if case.reason is None:
        assert (verdict.dn, verdict.kind, verdict.depth) == (case.dn, case.kind, case.depth), verdict
        assert verdict.until == case.until.timestamp()
        assert verdict.log == []
        assert verdict.client_got_in
    else:
        assert not verdict.accepted
        assert not verdict.client_got_in
        if not verdict.log and case.name in OTP_MAY_DECIDE:
            return
        assert [re.sub(r".*: ", "", line) for line in verdict.log] == [case.reason]
        assert one_line((case.named or case.chain[0]).subject) in verdict.log[0]


def test_table_is_complete() -> None:
    """At least 80 different chains, each under a name of its own."""
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)
    assert all((case.dn is None) != (case.reason is None) for case in CASES)

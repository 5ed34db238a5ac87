"""Every kind of tampering with a signed message is refused, each for its own reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.chains import Issued
from support.origin_world import SERVICE, OriginWorld, delivered, sign, signer_of
from support.tampering import Row, Signed, fresh
from support.tampering_message import messages
from support.tampering_signer import payloads, signers
from support.tampering_stamp import chains_without_key, stamps

from diracmq_cli.core.message import Message
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.errors import ExitStatus, VerificationError

ROWS = [row for group in (stamps, chains_without_key, messages, payloads, signers) for row in group()]


@pytest.fixture
def signed(world: OriginWorld, tmp_path: Path) -> Signed:
    """A fresh message for each row. What rows do to the CA directory concerns CAs of their own."""

    def by(message: Message, chain: list[Issued]) -> Message:
        return sign(signer_of(tmp_path, *chain), message)

    return fresh(world, by)


@pytest.mark.filterwarnings("ignore:Key size should be")  # joserfc warns of what we refuse
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_refused(row: Row, signed: Signed) -> None:
    """The message is believed as it is, and refused as it has become, for the reason that the row names."""
    verifier = signed.world.verifier()
    assert verifier.verify(delivered(signed.message), services={SERVICE}).dn == "/DC=org/DC=example/CN=Jane Doe"

    delivery = row.tamper(signed)
    verifier = signed.world.verifier()
    with pytest.raises(VerificationError) as caught:
        verifier.verify(delivery, services={delivery.service}, max_age=row.max_age)

    assert caught.value.reason is row.reason, str(caught.value)
    assert caught.value.exit_status is ExitStatus.DATA
    assert "payload started" not in str(caught.value)


def test_every_reason_has_a_row() -> None:
    """No reason is there that no test has seen, and there are more than forty."""
    assert {row.reason for row in ROWS} == set(Refusal)
    assert len(set(Refusal)) > 40
    assert len({row.title for row in ROWS}) == len(ROWS)

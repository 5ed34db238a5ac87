"""``send --sign`` and what the readers and ``verify`` make of it."""

from __future__ import annotations

import json


def test_a_signed_message_is_proved_to_a_reader_and_offline(devbroker, make_queue):
    """✓ signed at the queue, and again from the saved envelope; a changed body is refused with 65."""
    name, cfg = make_queue()
    sent = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "--sign", "-m", "as signed"])
    assert (sent.status, sent.stdout, sent.stderr) == (0, "", "")
    taken = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "1", "-j"])
    assert (taken.status, taken.stderr) == (0, "")
    assert json.loads(taken.stdout)["origin"] == {"level": "signed", "dn": devbroker.dn("user")}
    verified = devbroker.command(["dirac-mq", "verify", "-"], input=taken.stdout)
    assert (verified.status, verified.stderr) == (0, "")
    assert "signed" in verified.stdout
    forged = devbroker.command(["dirac-mq", "verify", "-"], input=taken.stdout.replace("as signed", "as forged"))
    assert forged.status == 65
    assert "changed after signing" in forged.stdout
    assert "do not verify" in forged.stderr


def test_a_queue_that_wants_signatures_is_signed_for_without_asking(devbroker, make_queue):
    """Origin = signed in the CS is enough; --anonymous cannot be there."""
    name, cfg = make_queue(Origin="signed")
    assert devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "x"]).status == 0
    peeked = devbroker.command(["dirac-mq-peek", name, "--cfg", str(cfg), "-j"])
    assert json.loads(peeked.stdout)["origin"]["level"] == "signed"
    refused = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "x", "--anonymous"])
    assert (refused.status, refused.stdout) == (2, "")
    assert "Origin = signed" in refused.stderr

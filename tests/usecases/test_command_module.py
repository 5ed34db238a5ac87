"""``Command``: how its children end, what they are told, and what becomes of what they write."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.deliveries import CLAIMED, DN, a_delivery
from support.modules import a_job, made

from diracmq_cli.consumer import Reject, Retry
from diracmq_cli.errors import ConfigError, MQError, UnknownDestination
from diracmq_cli.usecases.command import Command, CommandFailed


def _run(body: bytes = b"", **options: str) -> None:
    module, _ = made(Command, **options)
    module.execute(a_job(a_delivery(body)))


def test_success(tmp_path: Path) -> None:
    """Body on standard input, the envelope on descriptor 3, the rest in the environment."""
    script = f'{{ cat; cat <&3; printf "%s\\n" "$DIRAC_MQ_DN" "$DIRAC_MQ_ORIGIN"; }} > {tmp_path}/told'
    _run(b"payload started\n", Shell=script)
    body, envelope, dn, origin = (tmp_path / "told").read_text().splitlines()
    assert (body, dn, origin) == ("payload started", DN, "broker")
    assert envelope.startswith('{"v":1,')


def test_claims_are_told_as_claims(tmp_path: Path) -> None:
    """A command cannot take a claim for a proof."""
    module, _ = made(Command, Shell=f'echo "$DIRAC_MQ_DN $DIRAC_MQ_CLAIMED_DN" > {tmp_path}/told')
    module.execute(a_job(origin=CLAIMED))
    assert (tmp_path / "told").read_text() == f" {DN}\n"


@pytest.mark.parametrize(
    ("script", "outcome", "detail"),
    [
        ("exit 75", Retry, "exit 75"),
        ("exit 65", Reject, "exit 65"),
        ("exit 1", CommandFailed, "exit 1"),
        ("exit 127", CommandFailed, "exit 127"),
        ("kill -9 $$", CommandFailed, "killed by SIGKILL"),
        ("no-such-command", CommandFailed, "exit 127"),
    ],
)
def test_other_ends(script: str, outcome: type[Exception], detail: str) -> None:
    """75 is later, 65 dead-letters, anything else is a failed try."""
    with pytest.raises(outcome, match=detail):
        _run(Shell=script)


def test_arguments_are_quoted_as_for_a_shell(tmp_path: Path) -> None:
    """And no shell sees them."""
    _run(Command=f"touch '{tmp_path}/a b' {tmp_path}/$HOME")
    assert {path.name for path in tmp_path.iterdir()} == {"a b", "$HOME"}


@pytest.mark.parametrize("script", ["sleep 600", "trap '' TERM; sleep 600 & wait; sleep 600"])
def test_out_of_time(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told to end, then ended, with all that it started; that was a failed try."""
    monkeypatch.setattr("diracmq_cli.usecases.command.KILL_GRACE", 0.3)
    with pytest.raises(CommandFailed, match="after it was told to end"):
        _run(Shell=script, Timeout="500ms")


def test_one_that_succeeds_as_it_is_told_to_end() -> None:
    """It has done its work."""
    _run(Shell="trap 'exit 0' TERM; sleep 600 & wait", Timeout="500ms")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "neither Command nor Shell"),
        ({"Command": "true", "Shell": "true"}, "both Command and Shell"),
        ({"Command": "'unbalanced"}, "Command of Test/Module: no closing quotation"),
        ({"Command": "/no/such/program -x"}, "no program '/no/such/program' can be run"),
        ({"Command": "true", "Timeout": "later"}, "Timeout of Test/Module: 'later' is not a duration"),
    ],
)
def test_wrong_options(options: dict[str, str], complaint: str) -> None:
    """Each is refused before a message is taken."""
    with pytest.raises(ConfigError, match=complaint):
        made(Command, **options)


def test_nowhere_to_forward_to() -> None:
    """A queue that nobody knows is refused before a message is taken, not once for each."""
    with pytest.raises((UnknownDestination, MQError), match=r"no\.such\.queue"):
        made(Command, Command="true", ForwardTo="no.such.queue")

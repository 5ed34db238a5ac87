"""Whose messages are accepted, and how well their origin must be known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diracmq_cli.core.model import OriginLevel, Principals
from diracmq_cli.core.policy import AcceptancePolicy, Refused, read_allowed
from diracmq_cli.core.registry import Group, Registry
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import ConfigError

JANE, JOHN = "/DC=org/DC=example/CN=Jane Doe", "/DC=org/DC=example/CN=John Roe"
REGISTRY = Registry(
    users={"jane": (JANE,), "gone": ()},
    groups={"dirac_user": Group(users=("jane", "gone", "unknown")), "empty": Group()},
    files=("dirac.cfg",),
)
CLAIMED, BROKER, SIGNED = OriginLevel
WRONG = Verdict(level=None, reason="rerouted: came through exchange evil.x", code="rerouted")


@pytest.mark.parametrize(
    ("require", "level", "accepted"),
    [
        (None, CLAIMED, True),
        (CLAIMED, CLAIMED, True),
        (BROKER, CLAIMED, False),
        (BROKER, BROKER, True),
        (BROKER, SIGNED, True),
        (SIGNED, BROKER, False),
        (SIGNED, SIGNED, True),
    ],
)
def test_level(require: OriginLevel | None, level: OriginLevel, accepted: bool) -> None:
    """A message must be known at least as well as is asked for; a better proof is welcome."""
    policy = AcceptancePolicy.of(require, (), REGISTRY)

    assert (policy.refusal(Verdict(level=level, dn=JANE)) is None) is accepted


@pytest.mark.parametrize("require", [None, *OriginLevel])
def test_a_contradiction_is_never_accepted(require: OriginLevel | None) -> None:
    """A message that contradicts itself is refused whatever is asked for, with its own reason."""
    assert AcceptancePolicy.of(require, (), REGISTRY).refusal(WRONG) == Refused("rerouted", str(WRONG.reason))


def test_a_list_asks_for_proof() -> None:
    """A claimed DN is on no list: anybody could write it."""
    policy = AcceptancePolicy.of(CLAIMED, [Principals(dns=(JANE,))], REGISTRY)

    assert policy.refusal(Verdict(level=CLAIMED, dn=JANE)) is not None
    assert policy.refusal(Verdict(level=BROKER, dn=JANE)) is None
    assert policy.refusal(Verdict(level=BROKER, dn=JOHN)) == Refused(
        "not-allowed", f"{JOHN} is not among those allowed"
    )
    assert policy.level is BROKER


def test_groups_are_the_registrys() -> None:
    """A group stands for the DNs of its members; members that have left add none."""
    policy = AcceptancePolicy.of(SIGNED, [Principals(groups=("dirac_user",))], REGISTRY)

    assert policy.dns == {JANE}
    assert policy.refusal(Verdict(level=SIGNED, dn=JANE)) is None
    assert policy.refusal(Verdict(level=SIGNED, dn=JOHN)) is not None


def test_servers_are_allowed_by_name() -> None:
    """A server's login is no DN and is listed as user:NAME."""
    policy = AcceptancePolicy.of(None, [Principals(users=("robot",))], REGISTRY)

    assert policy.refusal(Verdict(level=BROKER, user="robot")) is None
    refused = policy.refusal(Verdict(level=BROKER, user="other"))
    assert refused == Refused("not-allowed", "user:other is not among those allowed")
    assert policy.refusal(Verdict(level=BROKER, dn="robot")) is not None


def test_of_several_lists_each_must_allow() -> None:
    """Who is on both lists is allowed, the CS's and the command line's: neither widens the other."""
    of_the_cs = Principals(groups=("dirac_user",), users=("robot", "monitor"))
    policy = AcceptancePolicy.of(None, [of_the_cs, Principals(dns=(JANE, JOHN), users=("robot",))], REGISTRY)

    assert (policy.dns, policy.users) == ({JANE}, {"robot"})
    assert AcceptancePolicy.of(None, [of_the_cs, Principals(dns=(JOHN,))], REGISTRY).dns == frozenset()


@pytest.mark.parametrize(("code", "readers"), [("no-crl", True), ("unverifiable", True), ("unknown-ca", False)])
def test_what_is_the_readers_own_fault(code: str, readers: bool) -> None:
    """A CRL that the reader lacks says nothing of the message; a CA that he does not know may be the sender's make."""
    refused = AcceptancePolicy().refusal(Verdict(level=None, reason="x", code=code))

    assert refused is not None
    assert refused.readers_own is readers


@pytest.mark.parametrize("empty", [Principals(), Principals(groups=("empty",))])
def test_an_empty_list_allows_nobody(empty: Principals) -> None:
    """A list without entries is a list."""
    policy = AcceptancePolicy.of(None, [empty], REGISTRY)

    assert policy.refusal(Verdict(level=SIGNED, dn=JANE)) is not None
    assert policy.refusal(Verdict(level=BROKER, user="robot")) is not None


def test_an_unknown_group_is_an_error() -> None:
    """A typo in a group does not silently allow nobody."""
    with pytest.raises(ConfigError, match="no group dirac_usr"):
        AcceptancePolicy.of(None, [Principals(groups=("dirac_usr",))], REGISTRY)


def test_a_file_as_apel_has_it() -> None:
    """One DN a line in any of its spellings, comments and empty lines between."""
    text = f"# producers\n\n  {JANE}  \n/DC=org/DC=example/CN=a\\/b\n#{JOHN}\nuser:robot\n"

    assert read_allowed(text, "dns") == Principals(dns=(JANE, "/DC=org/DC=example/CN=a/b"), users=("robot",))


@pytest.mark.parametrize("line", ["Jane Doe", "user:", "group:x", "/", "-" + JANE, JANE + "\\"])
def test_a_line_that_is_no_dn_is_named(line: str) -> None:
    """A line that nobody could match is an error with its place; it is not passed over."""
    with pytest.raises(ConfigError, match=r"^dns, line 2: "):
        read_allowed(f"{JANE}\n{line}\n", "dns")


@given(st.text(max_size=80))
def test_any_file_is_read_or_refused(text: str) -> None:
    """Whatever is in the file, it is a list or a ConfigError."""
    try:
        found = read_allowed(text, "dns")
    except ConfigError:
        return
    assert all(dn.startswith("/") for dn in found.dns)

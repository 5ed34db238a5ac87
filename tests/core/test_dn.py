from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from diracmq_cli.core.dn import ATTRIBUTES, DNError, check_login, from_rdns, normalise, split_list

OIDS = st.one_of(st.sampled_from(sorted(ATTRIBUTES)), st.sampled_from(["2.5.4.17", "1.2.3.4"]))
OCTETS = st.one_of(
    st.text(max_size=12).map(str.encode),
    st.text(alphabet="/=+ ,CNO.\\x4", max_size=10).map(str.encode),
    st.binary(max_size=12),
)
RDNS = st.lists(st.lists(st.tuples(OIDS, OCTETS), min_size=1, max_size=1), min_size=1, max_size=5)
LOOSE = st.one_of(
    st.text(max_size=40).map(lambda text: "/CN=" + text),
    st.text(alphabet="/=+ ,CNOE.\\x4cé\n", max_size=20).map(lambda text: "/DC=org" + text),
)


def or_none(rdns: list[list[tuple[str, bytes]]]) -> str | None:
    try:
        return from_rdns(rdns)
    except DNError:
        return None


@given(LOOSE)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    """The one form is the one form of itself, in printable ASCII."""
    try:
        once = normalise(text)
    except DNError:
        return
    assert normalise(once) == once
    assert once.isascii()
    assert once.isprintable()


@given(RDNS)
def test_a_certificates_name_is_already_normal(rdns: list[list[tuple[str, bytes]]]) -> None:
    """What is written from a certificate is what a registry's text is brought to."""
    text = or_none(rdns)
    assume(text is not None)
    assert text is not None
    assert normalise(text) == text


@given(RDNS, RDNS)
def test_two_names_never_give_one_text(one: list, other: list) -> None:
    """Different lists of relative names give different texts, or no text."""
    texts = or_none(one), or_none(other)
    assert one == other or None in texts or texts[0] != texts[1]


@given(st.lists(st.tuples(OIDS, st.text(alphabet="/=CNO+", max_size=4)), min_size=1, max_size=3))
def test_cutting_the_text_elsewhere_gives_no_second_name(parts: list[tuple[str, str]]) -> None:
    """The text can be cut into relative names in one way only: where ``/label=`` stands."""
    rdns = [[(oid, value.encode())] for oid, value in parts]
    text = or_none(rdns)
    assume(text is not None)
    assert text is not None
    numbers = {label: oid for oid, label in ATTRIBUTES.items()}
    pieces = re.split(r"/([A-Za-z0-9.]+)=", text)
    assert pieces[0] == ""
    found = list(zip(pieces[1::2], pieces[2::2], strict=True))
    assert [[(numbers.get(label, label), value.encode())] for label, value in found] == rdns


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("/DC=org/DC=example/CN=Jane Doe", "/DC=org/DC=example/CN=Jane Doe"),
        (r"/CN=host\/wn17.example.org", "/CN=host/wn17.example.org"),
        ("/CN=host/wn17.example.org", "/CN=host/wn17.example.org"),
        (r"/CN=a\+b", "/CN=a+b"),
        (r"/CN=J\xc3\xbcrgen", r"/CN=J\xC3\xBCrgen"),
        ("/CN=Jürgen", r"/CN=J\xC3\xBCrgen"),
        ("/CN=\U0001f600", r"/CN=\xF0\x9F\x98\x80"),
        ("/CN=a\tb", r"/CN=a\x09b"),
        ("/O=a/Email=j@example.org", "/O=a/emailAddress=j@example.org"),
        ("/O=a/E=j@example.org", "/O=a/emailAddress=j@example.org"),
        ("/O=a/USERID=jane", "/O=a/UID=jane"),
        ("/O=a/0.9.2342.19200300.100.1.1=jane", "/O=a/UID=jane"),
        ("/O=a/postalCode=69000", "/O=a/2.5.4.17=69000"),
        ("/O=Institute, Dept. of Physics/CN=x", "/O=Institute, Dept. of Physics/CN=x"),
        ("/CN=a=b", "/CN=a=b"),
        ("/CN=", "/CN="),
    ],
)
def test_old_spellings_become_the_one_form(text: str, normal: str) -> None:
    """Escapes, aliases and raw characters that registries hold lead to the form that the broker writes."""
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a DN"),
        ("CN=Jane,DC=org", "is not a DN"),
        ("Jane", "is not a DN"),
        ("/", "does not begin with an attribute"),
        ("/Jane/CN=x", "does not begin with an attribute"),
        ("/=x", "does not begin with an attribute"),
        (r"/CN=a\/CN=b", "ambiguous: a value holds '/CN='"),
        ("/CN=a\\", "backslash"),
        (r"/CN=a\b", "backslash"),
        (r"/CN=a\\b", "backslash"),
        (r"/CN=a\x", "backslash"),
        (r"/CN=a\xZZ", "backslash"),
        (r"/CN=a\x41", "backslash"),
        (r"/CN=a\x2fCN=b", "backslash"),
        (r"/CN=a\x5cb", "backslash"),
        ("/CN=a\\é", "backslash"),
        ("/CN=\ud800", "surrogate"),
    ],
)
def test_what_could_mean_two_names_is_refused(text: str, reason: str) -> None:
    """A text that is no DN or an ambiguous one is a DNError that shows it and says what is wrong."""
    with pytest.raises(DNError, match=re.escape(reason)) as caught:
        normalise(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("rdns", "text"),
    [
        ([[("0.9.2342.19200300.100.1.25", b"org")], [("2.5.4.3", b"Jane Doe")]], "/DC=org/CN=Jane Doe"),
        ([[("2.5.4.3", "Ü".encode())]], r"/CN=\xC3\x9C"),
        ([[("2.5.4.3", b"\xdc\x00\x7f")]], r"/CN=\xDC\x00\x7F"),
        ([[("1.2.840.113549.1.9.1", b"a@b")]], "/emailAddress=a@b"),
        ([[("1.2.3.4", b"x")]], "/1.2.3.4=x"),
        ([[("2.5.4.3", b"host/wn+17")]], "/CN=host/wn+17"),
    ],
)
def test_certificates_names_are_written_as_openssl_does(rdns: list, text: str) -> None:
    """Known attributes by label, others by number, odd octets in upper-case hexadecimal."""
    assert from_rdns(rdns) == text


@pytest.mark.parametrize(
    ("rdns", "reason"),
    [
        ([], "empty"),
        ([[]], "0 attributes"),
        ([[("2.5.4.3", b"a"), ("2.5.4.11", b"b")]], "2 attributes"),
        ([[("2.5.4.3", rb"\xC3")]], "backslash"),
        ([[("2.5.4.3", b"a/O=b")]], "ambiguous"),
        ([[("2.5.4.3", b"a/1.2=b")]], "ambiguous"),
        ([[("CN", b"a")]], "no object identifier"),
    ],
)
def test_names_without_a_one_line_form_are_refused(rdns: list, reason: str) -> None:
    """Multi-valued, ambiguous and empty names have no one-line form."""
    with pytest.raises(DNError, match=reason):
        from_rdns(rdns)


def test_the_broker_plugin_has_the_same_labels() -> None:
    """ATTRIBUTES and the plugin's label/1 name the same attributes by the same labels."""
    folder = resources.files("diracmq_cli.admin") / "rabbitmq_grid_proxy"
    sources = "".join(file.read_text() for file in folder.iterdir() if file.name.endswith(".erl"))
    clauses = re.findall(r'^label\(\{([0-9,]+)\}\) -> "(\w+)";$', sources, re.MULTILINE)
    assert {oid.replace(",", "."): label for oid, label in clauses} == ATTRIBUTES


def test_a_login_has_at_most_255_octets() -> None:
    """user_id is a short string, and a longer DN is refused before it is used."""
    assert check_login("/CN=" + "x" * 251) == "/CN=" + "x" * 251
    with pytest.raises(DNError, match="256 octets"):
        check_login("/CN=" + "x" * 252)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        (" , ", []),
        ("/CN=a", ["/CN=a"]),
        ("/CN=a,/CN=b", ["/CN=a", "/CN=b"]),
        ("/O=X, Inc./CN=a , /O=Y,Z/CN=b,", ["/O=X, Inc./CN=a", "/O=Y,Z/CN=b"]),
        ("/CN=a,\n\t/CN=b", ["/CN=a", "/CN=b"]),
    ],
)
def test_lists_are_split_only_before_a_slash(text: str, parts: list[str]) -> None:
    """Commas inside a DN stay there."""
    assert split_list(text) == parts

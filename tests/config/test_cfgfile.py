"""Reading one CFG file: diraccfg's grammar, lines, encodings, and what is no CFG."""

import contextlib
import os
import time

import diraccfg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diracmq_cli.config.cfgfile import parse_cfg, read_cfg_file
from diracmq_cli.errors import ConfigError


def plain(section):
    """Names and values of a tree, in their order."""
    return {name: option.value for name, option in section.options.items()} | {
        name: plain(child) for name, child in section.sections.items()
    }


def test_values_lines_and_order():
    """Values are verbatim after the first =, += appends, comments are whole lines, every entry knows its line."""
    text = (
        "# head\nB\n{\n  # note\n  x = a = b # no comment\n\n  y = 1\n  y += 2\n  y += 3\n  In { z = 9\n  }\n}\nA { }\n"
    )
    tree = parse_cfg(text, "f.cfg")
    assert list(tree.sections) == ["B", "A"]
    section = tree.sections["B"]
    assert section.options["x"].value == "a = b # no comment"
    assert section.options["x"].place == "f.cfg line 5"
    assert section.options["y"].value == "1, 2, 3"
    assert section.options["y"].line == 7
    assert section.path == "/B"
    assert tree.at("/B") is section


def test_crlf_and_bom(tmp_path):
    """A file from Windows reads the same."""
    file = tmp_path / "w.cfg"
    file.write_bytes(b"\xef\xbb\xbfA\r\n{\r\n  x = 1\r\n}\r\n")
    tree = read_cfg_file(str(file)).tree
    assert plain(tree) == {"A": {"x": "1"}}
    assert tree.option("/A/x").line == 3


def test_not_utf8(tmp_path):
    """A Latin-1 file is named with the line, the octet and the command that helps."""
    file = tmp_path / "l.cfg"
    file.write_bytes("A\n{\n  Contact = Jürgen\n}\n".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        read_cfg_file(str(file))
    assert str(caught.value) == f"{file} line 3: not UTF-8 (octet 0xfc)"
    assert caught.value.hint == f"iconv -t UTF-8 {file}"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("A\n{\n  x = 1\n\n# end\n", 3, "a section is not closed"),
        ("A\n{\n}\n}\n", 4, "a } without its {"),
        ("A\n{\n}\nB\n{\n}\nA\n{\n}\n", 8, "a second A"),
        ("A\n{\n  x += 1\n}\n", 3, "+= to an option that has no value yet"),
        ("A\n{\n x\n {\n }\n x += 1\n}\n", 6, "+= to a section"),
        ("{\n}\n", 1, "a section without a name"),
        ("A\n{\n  = 1\n}\n", 3, "an option without a name"),
        ("A/B\n{\n  x = 1\n}\n", 3, "a name holds a /"),
    ],
)
def test_faults_are_named_with_their_line(text, line, problem):
    """Whatever diraccfg gives up on is a ConfigError that names file, line and fault."""
    with pytest.raises(ConfigError) as caught:
        parse_cfg(text, "/etc/dirac.cfg")
    assert str(caught.value) == f"/etc/dirac.cfg line {line}: not a CFG: {problem}"


def test_deep_nesting_is_refused():
    """A file made to exhaust the stack is refused like any other."""
    with pytest.raises(ConfigError, match="nested more than 100 deep"):
        parse_cfg("a {\n" * 3000 + "}\n" * 3000, "f.cfg")


def test_large_file_is_read_in_time():
    """A megabyte of users is read within seconds, and one brace too many at its end is found as fast."""
    dn = "/DC=org/DC=example/OU=people of a large collaboration/CN=user {0}"
    user = f"{{{{\n  DN = {dn}\n  Email = user{{0}}@example.org\n}}}}\n"
    text = "Users\n{\n" + "".join(f"user{i}\n{user.format(i)}" for i in range(8000)) + "}\n"
    assert len(text) > 900_000
    start = time.monotonic()
    assert parse_cfg(text, "f.cfg").option("/Users/user7999/Email").line == 2 + 5 * 7999 + 4
    with pytest.raises(ConfigError, match=r"line 40004: not a CFG: a } without its \{"):
        parse_cfg(text + "}\n", "f.cfg")
    assert time.monotonic() - start < 60


_PIECES = [
    "A",
    "B",
    "x",
    " ",
    "\n",
    "\n",
    "\n",
    "{",
    "}",
    "=",
    "+=",
    "#",
    "/",
    ",",
    "1",
    "é",
    "\r",
    "A\n{\n",
    "}\n",
    "x = 1\n",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=60).map("".join))
def test_reads_what_diraccfg_reads(text):
    """Any text means what it means to diraccfg: the same tree, or a ConfigError where diraccfg fails."""
    try:
        cfg = diraccfg.CFG().loadFromBuffer(text)
    except Exception:
        with pytest.raises(ConfigError):
            parse_cfg(text, "f.cfg")
        return
    tree = parse_cfg(text, "f.cfg")
    assert plain(tree) == cfg.getAsDict()


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    """No text at all leads to another exception."""
    with contextlib.suppress(ConfigError):
        assert parse_cfg(text, "f.cfg").path == ""


def test_exposure(tmp_path):
    """A file is private when nobody but its owner has access and the owner is us or root."""
    file = tmp_path / "p.cfg"
    file.write_text("")
    for mode in (0o640, 0o604, 0o620, 0o601):
        file.chmod(mode)
        assert read_cfg_file(str(file)).exposure == f"others have access to it (mode {mode:04o})"
    for mode in (0o600, 0o400, 0o700):
        file.chmod(mode)
        assert read_cfg_file(str(file)).exposure is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_exposure_by_owner(tmp_path):
    """A file that belongs to somebody else is not ours to trust."""
    file = tmp_path / "p.cfg"
    file.write_text("")
    file.chmod(0o600)
    os.chown(file, 12345, 0)
    assert read_cfg_file(str(file)).exposure == "it belongs to another user (uid 12345)"

import io
import os
from pathlib import Path

import pytest

from diracmq_cli.output.talk import Talk
from diracmq_cli.output.terminal import Look

TERMINAL = Look(is_terminal=True)


@pytest.fixture
def stream():
    return io.StringIO()


def a_talk(stream, **options):
    return Talk("dirac-mq-tail", stream, clock=lambda: 1795485483.9, **options)


def test_terminal(stream):
    """On a terminal each line begins with the command's name."""
    talk = a_talk(stream, look=TERMINAL)
    talk.info("following demo.jobs")
    talk.warning("1 message dropped")
    assert stream.getvalue() == "dirac-mq-tail: following demo.jobs\ndirac-mq-tail: warning: 1 message dropped\n"


def test_log(stream):
    """Off a terminal the time comes first, in UTC."""
    a_talk(stream).info("following demo.jobs")
    assert stream.getvalue() == "2026-11-24T01:58:03Z dirac-mq-tail: following demo.jobs\n"


def test_colour(stream):
    """Of a warning, one word."""
    a_talk(stream, look=Look(is_terminal=True, color=True)).warning("late")
    assert stream.getvalue() == "dirac-mq-tail: \x1b[33mwarning:\x1b[m late\n"


def test_a_state_is_told_when_it_changes(stream):
    """The same state twice is one line; back and forth is three."""
    talk = a_talk(stream, look=TERMINAL)
    for state in ("blocked", "blocked", "connected", "connected", "blocked"):
        talk.state(state)
    assert stream.getvalue().replace("dirac-mq-tail: ", "").split() == ["blocked", "connected", "blocked"]


def test_quiet(stream):
    """Only warnings are said."""
    talk = a_talk(stream, quiet=True, look=TERMINAL)
    talk.info("a")
    talk.state("b")
    talk.warning("c")
    assert stream.getvalue() == "dirac-mq-tail: warning: c\n"


def test_hostile_text_stays_on_its_line(stream):
    """What came from elsewhere adds no line and no escape; a DN in it can still be copied."""
    a_talk(stream, look=TERMINAL).info("from /CN=J\\xC3\\x9Cx\ndirac-mq-tail: \x1b[2J")
    assert stream.getvalue() == "dirac-mq-tail: from /CN=J\\xC3\\x9Cx\\ndirac-mq-tail: \\x1b[2J\n"


def test_nobody_listens():
    """A full disk, a closed pipe or a closed stream behind stderr does not end the command."""
    with Path("/dev/full").open("w") as full:
        a_talk(full).info("x")
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # so that closing does not fail
    a_talk(full).warning("closed")
    assert full.closed

"""Options on the command line: ``-o /Section/Option=value``."""

import pytest
from support.cfgs import load, write_cfg

from diracmq_cli.errors import ExitStatus, UsageError


def test_override_beats_every_file(tmp_path):
    """-o wins over a file, leaves its neighbours alone, and is named as the origin."""
    file = write_cfg(tmp_path, "A\n{\nB = file\nC = file\n}\n")
    found = load(file, options=("/A/B=flag",))
    assert (found.get("/A/B").value, found.get("/A/B").file) == ("flag", "-o")
    assert (found.get("/A/C").value, found.get("/A/C").file) == ("file", file)


def test_later_override_wins_and_both_sections_stay():
    """Of two -o for one option the later wins; the first = separates; blanks around are not meant."""
    found = load(options=("/A/B=1", "/A/X/Y = k=v ", "/A/B=2", "/A/Empty="))
    assert found.text("/A/B") == "2"
    assert found.text("/A/X/Y") == "k=v"
    assert found.get("/A/Empty").value == ""


@pytest.mark.parametrize(
    "argument", ["", "x", "/A/B", "A/B=1", "B=1", "/B=1", "/A/=1", "//B=1", "/A//B=1", "=1", "/=1"]
)
def test_bad_override(argument):
    """Whatever is no /Section/Option=value is a usage error with the form in the hint."""
    with pytest.raises(UsageError) as caught:
        load(options=(argument,))
    assert caught.value.exit_status is ExitStatus.USAGE
    assert caught.value.hint == "write -o /Section/Option=value"


@pytest.mark.parametrize(
    "argument",
    [
        "/LocalInstallation/MessageQueueing/Password=s3cret",
        "/Resources/MQServices/mq/Password = s3cret",
        "/Resources/MQServices/mq/password=s3cret",
        "/A/ManagementPassword=s3cret",
        "/Resources/MQServices/mq/ManagementURL=https://admin:s3cret@mq.example.org/",
    ],
)
def test_password_is_refused_and_not_repeated(argument):
    """No secret is ever a flag: exit 2, naming the option and never its value."""
    with pytest.raises(UsageError) as caught:
        load(options=(argument,))
    assert argument.partition("=")[0].strip() in str(caught.value)
    assert "holds a password" in str(caught.value)
    assert "s3cret" not in str(caught.value) + str(caught.value.hint)
    assert "chmod 600" in caught.value.hint


def test_bad_override_does_not_repeat_its_value():
    """An -o that is malformed may still have held a secret."""
    for argument in ("Password=s3cret", "s3cret"):
        with pytest.raises(UsageError) as caught:
            load(options=(argument,))
        assert "s3cret" not in str(caught.value)

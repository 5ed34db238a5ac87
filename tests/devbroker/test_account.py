"""Who runs the broker, and where that user can live."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diracmq_cli.devbroker import Layout
from diracmq_cli.devbroker.account import Account, area_of, broker_account, make_area

SOMEBODY = Account(12345, 12345)


def test_root_runs_no_broker():
    """The caller runs it, unless that is root."""
    account = broker_account()
    assert account.uid != 0
    assert account.is_caller == (os.geteuid() != 0)


def test_a_closed_directory_is_an_obstacle_for_somebody_else(tmp_path):
    """What is closed is named; the caller himself passes everywhere."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "inside").mkdir()
    assert "may not enter" in (SOMEBODY.obstacle(closed / "inside") or "")
    assert Account(os.geteuid(), os.getegid()).obstacle(closed / "inside") is None


@pytest.mark.parametrize("name", ["a b", "it's", 'a"b', "ü", "a:b", "a\\b", "$a"])
def test_names_that_rabbitmqs_scripts_do_not_take(name):
    """Shell scripts, lists of paths and configuration files each have characters of their own; none is risked."""
    assert "may not take" in (Account(os.geteuid(), os.getegid()).obstacle(Path("/tmp") / name) or "")


def test_the_brokers_files_go_elsewhere_when_they_must(tmp_path):
    """DIR/broker and DIR/pki/certificates then are links into one directory, made once, that a purge can find."""
    layout = Layout(tmp_path / "a b")
    layout.directory.mkdir()
    said: list[str] = []
    account = Account(os.geteuid(), os.getegid())
    make_area(layout, account, said.append)
    area = area_of(layout)
    assert area is not None
    assert area.parent == Path("/var/tmp")
    assert layout.certificates.readlink() == area / "certificates"
    assert len(said) == 1
    make_area(layout, account, said.append)
    assert area_of(layout) == area
    for path in (area / "broker", area / "certificates", area):
        path.rmdir()


def test_the_brokers_files_stay_where_they_can(tmp_path):
    """No obstacle, no links."""
    layout = Layout(tmp_path)
    make_area(layout, Account(os.geteuid(), os.getegid()), lambda _: None)
    assert area_of(layout) is None
    assert layout.broker.is_dir()

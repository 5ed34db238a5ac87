"""What outlives a handshake: the table of sessions, resumed TLS sessions, the log, the watchdog."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta
from pathlib import Path

from support.chain_parts import USER_USAGE, below, name
from support.chain_server import SOURCES, VERSIONS, ChainServer
from support.chain_world import world
from support.chains import NOW, YESTERDAY, issue, proxy

UNIT_TESTS = Path(__file__).with_name("sessions_tests.erl")


def test_erlang_units(plugin: Path, tmp_path: Path) -> None:
    """Table and log keep their bounds, a leaf its name; a bad option lets nobody in."""
    subprocess.run(["erlc", "-I", SOURCES, "-o", tmp_path, UNIT_TESTS], check=True)
    run = "case eunit:test(sessions_tests, []) of ok -> halt(0); _ -> halt(1) end."
    done = subprocess.run(
        ["erl", "-noshell", "-pa", plugin / "ebin", tmp_path, "-eval", run],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 12 tests passed" in done.stdout


def test_a_resumed_session_is_asked_again_for_its_time(chain_server: ChainServer) -> None:
    """TLS 1.2 resumption runs no verify_fun, and Erlang resumes with an expired certificate: EXTERNAL refuses it."""
    now = time.time()
    short = proxy(world().jane, life=(YESTERDAY, NOW + timedelta(seconds=now - NOW.timestamp() + 3)))
    context = chain_server.context([short, world().jane], "1.2")
    first, session = chain_server.connect(context, listener="resuming")
    assert (first.login, first.log) == ("broker asked", [])
    again, _ = chain_server.connect(context, listener="resuming", session=session)
    assert (again.dn, again.login) == (first.dn, "broker asked")
    time.sleep(max(0, short.certificate.not_valid_after_utc.timestamp() + 1.1 - time.time()))
    late, _ = chain_server.connect(context, listener="resuming", session=session)
    assert late.accepted  # by TLS; this is the hole
    assert late.login in ("certificate or proxy expired", NO_SESSION)
    assert late.dn is None or late.log == [f"grid proxy: refused {first.dn}: expired"]


NO_SESSION = "no verified client certificate (is ssl_options.verify_fun set?)"


def test_one_leaf_never_stands_for_two_names(chain_server: ChainServer) -> None:
    """Whoever certifies somebody else's key under that person's name cannot make her proxies log in as his."""
    parent = issue(name("DC=org", "CN=Parent"), world().ca, USER_USAGE)
    child = issue(below(parent.subject, "CN=Child"), world().ca, USER_USAGE)
    leaf = proxy(child)
    assert chain_server.judge([leaf, child], version="1.3").dn == "/DC=org/CN=Parent/CN=Child"
    forged = proxy(parent, subject=child.subject, key=child.key)
    for version in VERSIONS:
        verdict = chain_server.judge([leaf, forged, parent], version=version)
        assert not verdict.accepted
        assert verdict.log[0].endswith(": stands_for_another")
    assert chain_server.judge([leaf, child], version="1.2").dn == "/DC=org/CN=Parent/CN=Child"

"""``dirac-mq-send`` when it is interrupted: by a signal, by a broker that dies, by an output that is gone."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time

import pytest
from support.broker import Broker
from support.commands import running, shell, take
from support.queues import QueueFactory


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -2), (signal.SIGTERM, -15)])
def test_a_signal(devbroker: Broker, number: int, status: int) -> None:
    """What was read is confirmed and counted, and the process dies of the signal (130, 143 in a shell)."""
    devbroker.purge("demo.jobs")
    with running(devbroker, ["dirac-mq-send", "demo.jobs", "-l", "-j"]) as command:
        command.feed(b"1\n2\n3\nno end of line yet")
        command.shows(b'"confirmed"')
        devbroker.wait_count("demo.jobs", 3)
        command.signal(number)
        assert command.process.wait(5) == status
        assert command.stderr.endswith("dirac-mq-send: dev::Queues::demo.jobs: 3 sent, 3 confirmed\n")
    assert [body for _, _, body in take(devbroker, "demo.jobs")] == [b"1", b"2", b"3"]


def test_what_a_shell_sees(devbroker: Broker) -> None:
    """The shell's own status is 130 and 143; also of a job in the background, which a shell lets ignore SIGINT."""
    script = (
        "dirac-mq-tail demo.dead 2>said.{0} & until grep -qs following said.{0}; do sleep 0.1; done; "
        "kill -{0} $!; wait $!; echo $?"
    )
    for name, status in (("TERM", "143"), ("INT", "130")):
        done = shell(devbroker, script.format(name))
        assert done.stdout == f"{status}\n"


def test_sigterm_that_is_ignored_stays_so(devbroker: Broker) -> None:
    """Who starts it with SIGTERM ignored has it read to the end of its input, whatever signal comes."""
    devbroker.purge("demo.jobs")
    script = (
        "trap '' TERM; exec 7> >(exec dirac-mq-send demo.jobs -l); sender=$!; echo before >&7; "
        "until dirac-mq-list demo.jobs -j | grep -q '\"ready\":1'; do :; done; "
        "kill -TERM $sender; echo after >&7; exec 7>&-; wait $sender; echo $?"
    )
    assert shell(devbroker, script).stdout == "0\n"
    assert [body for _, _, body in take(devbroker, "demo.jobs")] == [b"before", b"after"]


def test_a_signal_while_connecting(devbroker: Broker) -> None:
    """Ctrl-C does not wait for a broker that does not answer."""
    nobody = "/Resources/MQServices/dev/Host=192.0.2.1"
    with running(devbroker, ["dirac-mq-send", "demo.jobs", "-m", "x", "-o", nobody, "-d"]) as command:
        command.says("dialling")
        started = time.monotonic()
        command.signal(signal.SIGINT)
        assert command.process.wait(5) == -2
        assert time.monotonic() - started < 1


def test_confirms_in_flight_are_waited_for(devbroker: Broker) -> None:
    """A broker that does not confirm gets two seconds after a signal; then the fate of what is in flight is unknown."""
    alarm = "{{resource_limit, memory, node()}, []}"
    devbroker.purge("demo.jobs")
    devbroker.eval(f"rabbit_alarm:set_alarm({alarm})")
    try:
        with running(devbroker, ["dirac-mq-send", "demo.jobs", "-l", "-j"]) as command:
            command.feed(b"1\n")
            command.says("blocks publishers")
            started = time.monotonic()
            command.signal(signal.SIGTERM)
            assert command.process.wait(8) == -15
            assert 1 < time.monotonic() - started < 5
            assert "1 sent, 0 confirmed, 1 of unknown fate" in command.stderr
            assert b'"outcome":"unknown"' in command.end().raw
    finally:
        devbroker.eval("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")
    devbroker.purge("demo.jobs")


def test_receipts_that_nobody_reads(devbroker: Broker) -> None:
    """A closed pipe ends by SIGPIPE without a word, a full disk is 74; no traceback."""
    left = shell(devbroker, "seq 20000 | dirac-mq-send demo.jobs -q -l -j | head -1; echo ${PIPESTATUS[1]}")
    first, status = left.stdout.splitlines()
    assert (json.loads(first)["outcome"], status, left.stderr) == ("confirmed", "141", "")
    full = shell(devbroker, "dirac-mq-send demo.jobs -m x -j > /dev/full")
    assert full.status == 74
    assert full.stderr == "dirac-mq-send: error: cannot write standard output: no space left on device\n"
    devbroker.purge("demo.jobs")


def test_a_broker_that_dies(devbroker: Broker, make_queue: QueueFactory) -> None:
    """SIGKILL of the broker amid lines: 69 after the outage that is allowed; each line has a receipt, and what was
    confirmed is there."""
    name, cfg = make_queue()
    with running(devbroker, ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "-j", "--outage", "1s"]) as command:
        receipts: list[bytes] = []
        assert command.process.stdout is not None
        reader = threading.Thread(target=lambda: receipts.extend(command.process.stdout))  # type: ignore[arg-type]
        reader.start()
        feeder = threading.Thread(target=_feed, args=(command,))
        feeder.start()
        while len(receipts) < 2000:
            time.sleep(0.01)
        devbroker.kill()
        killed = time.monotonic()
        assert command.process.wait(10) == 69
        assert time.monotonic() - killed < 5
        reader.join()
        feeder.join()
        stderr = command.stderr
    try:
        outcomes = [json.loads(line) for line in receipts]
        confirmed = {each["message_id"] for each in outcomes if each["outcome"] == "confirmed"}
        unknown = [each for each in outcomes if each["outcome"] == "unknown"]
        assert len(confirmed) >= 2000
        sent = len(outcomes)
        fate = f", {len(unknown)} of unknown fate" if unknown else ""
        assert f"{sent} sent, {len(confirmed)} confirmed{fate}\n" in stderr
        assert "dirac-mq-send: error: " in stderr
        assert "lost" in stderr
        assert "Traceback" not in stderr
        gone = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "x", "-t", "2s"])
        assert (gone.status, gone.stdout) == (69, "")
        assert "connection refused" in gone.stderr
    finally:
        devbroker.start()
        make_queue.apply()
    there = {properties.message_id for _, properties, _ in take(devbroker, name)}
    assert confirmed <= there


def _feed(command: object) -> None:
    """Lines without end, until nobody takes them."""
    try:
        while True:
            command.feed(b"".join(b"%d\n" % number for number in range(1000)))  # type: ignore[attr-defined]
    except BrokenPipeError:
        pass


def test_a_consumer_whose_broker_dies(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A reader ends with 69 and a sentence when its broker is gone for longer than it may be."""
    name, cfg = make_queue()
    devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "1"])
    with (
        running(
            devbroker, ["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "-j", "--outage", "1s"]
        ) as consumer,
        running(devbroker, ["dirac-mq-tail", name, "--cfg", str(cfg), "--outage", "1s"]) as tail,
    ):
        tail.says("following")
        consumer.shows(b'"body":"1"')
        devbroker.kill()
        try:
            for command in (consumer, tail):
                assert command.process.wait(5) == 69
                assert "was lost" in command.stderr or "closed the connection" in command.stderr
                assert "Traceback" not in command.stderr
        finally:
            devbroker.start()
            make_queue.apply()


def test_a_bug_of_ours(devbroker: Broker) -> None:
    """What nobody foresaw is one line with its place and exit 1, without what the exception says; --debug shows all."""
    script = (
        "import sys, diracmq_cli.wiring.sending as s\n"
        "def broken(*_): raise KeyError('a secret')\n"
        "s.run_send = broken\n"
        "from diracmq_cli.cli import send as run\n"
        "run()\n"
    )
    argv = [sys.executable, "-c", script, "demo.jobs", "-m", "x"]
    done = devbroker.command(argv)
    assert (done.status, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("dirac-mq-send: error: internal error: KeyError in <string>, line ")
    assert hint == "dirac-mq-send: hint: please report it; the same with --debug shows more"
    assert "a secret" not in done.stderr
    shown = devbroker.command([*argv, "--debug"])
    assert shown.status == 1
    assert "Traceback" in shown.stderr

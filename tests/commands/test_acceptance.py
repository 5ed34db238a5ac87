"""What readers do with a message whose origin is not good enough: it never reaches an output, a file or a command."""

from __future__ import annotations

import json
import re
import shutil
import stat
from datetime import datetime
from pathlib import Path

import pika
import pytest
from support.broker import Broker, Completed
from support.commands import bodies, publish, running, take
from support.queues import QueueFactory

OTHER = "/DC=org/DC=example/OU=People/CN=Somebody Else"


@pytest.fixture
def jobs(devbroker: Broker) -> str:
    """The classic queue of the devbroker that has dead letters, both empty."""
    devbroker.purge("demo.jobs", "demo.dead")
    return "demo.jobs"


def _mixed(broker: Broker, queue: str) -> None:
    """An honest message before, between and after a forged one and one that nobody vouches for."""
    dn = broker.dn("user")
    publish(broker, queue, "good 1", user_id=dn)
    publish(broker, queue, "forged", user_id=dn, message_id="f", headers={"dirac-dn": OTHER})
    publish(broker, queue, "good 2", user_id=dn)
    publish(broker, queue, "unattested", message_id="u", headers={"dirac-dn": dn})
    publish(broker, queue, "good 3", user_id=dn)


def _left(broker: Broker, queue: str) -> list[str]:
    return [body.decode() for _, _, body in take(broker, queue)]


GOOD = ["good 1", "good 2", "good 3"]
ALL = ["good 1", "forged", "good 2", "unattested", "good 3"]


@pytest.mark.parametrize("how", ["printed", "saved", "handled"])
def test_a_forged_message_reaches_nobody(devbroker: Broker, jobs: str, tmp_path: Path, how: str) -> None:
    """--require broker, where the queue has dead letters: the good ones are taken, the others die, and are counted."""
    _mixed(devbroker, jobs)
    inbox = tmp_path / "in"
    flags = {"printed": ["-F", "%{body}\\n"], "saved": ["--save", str(inbox)], "handled": ["-x", "cat; echo"]}[how]
    done = devbroker.command(["dirac-mq-consume", jobs, "--drain", "-q", "--require", "broker", *flags])
    assert done.status == 0, done.stderr
    shown = [path.read_text() for path in sorted(inbox.glob("*.body"))] if how == "saved" else done.stdout.splitlines()
    assert shown == GOOD
    [warning] = done.stderr.splitlines()
    assert warning.endswith(
        "warning: dev::Queues::demo.jobs: 2 messages dead-lettered, not accepted: 1 claims-another, 1 origin-too-weak"
    )
    devbroker.wait_count("demo.dead", 2)
    assert _left(devbroker, "demo.dead") == ["forged", "unattested"]
    assert _left(devbroker, jobs) == []


def test_a_contradiction_is_let_pass_only_where_nobody_asks(devbroker: Broker, jobs: str) -> None:
    """Without a policy everything is taken as it is; --require claimed already refuses what contradicts itself."""
    publish(devbroker, jobs, "forged", user_id=devbroker.dn("user"), headers={"dirac-dn": OTHER})
    done = devbroker.command(["dirac-mq-consume", jobs, "-n", "1", "-j", "-t", "1s", "--require", "claimed"])
    assert (done.status, done.stdout) == (3, "")
    assert "error: nothing that is accepted came from dev::Queues::demo.jobs" in done.stderr
    devbroker.wait_count("demo.dead", 1)
    done = devbroker.command(["dirac-mq-consume", "demo.dead", "-n", "1", "-j"])
    assert (done.status, bodies(done)) == (0, ["forged"])


@pytest.mark.parametrize("kind", ["classic", "quorum"])
@pytest.mark.parametrize("command", [[], ["-x", 'printf "{\\"body\\":\\"$(cat)\\"}\\n"']], ids=["printed", "handled"])
def test_kept(devbroker: Broker, make_queue: QueueFactory, kind: str, command: list[str]) -> None:
    """--on-untrusted keep goes on behind a refused message, and puts it back in its place at the end."""
    name, cfg = make_queue(type=kind, DeliveryLimit=1000 if kind == "quorum" else None)
    _mixed(devbroker, name)
    flags = ["--cfg", str(cfg), "--require", "broker", "--on-untrusted", "keep", "-q"]
    done = devbroker.command(["dirac-mq-consume", name, "-n", "2", *flags, *(command or ["-j"])])
    assert (done.status, bodies(done)) == (0, GOOD[:2])
    assert "1 message held and put back, not accepted: 1 claims-another" in done.stderr
    devbroker.wait_count(name, 3)
    done = devbroker.command(["dirac-mq-consume", name, "--drain", *flags, *(command or ["-j"])])
    assert (done.status, bodies(done)) == (0, ["good 3"])
    devbroker.wait_count(name, 2)
    assert _left(devbroker, name) == ["forged", "unattested"]


def test_no_more_than_so_many_are_kept(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A queue full of untrusted messages is not drawn into our memory: 65, and all of it is back, in order."""
    name, cfg = make_queue()
    publish(devbroker, name, *map(str, range(1100)))
    flags = ["--cfg", str(cfg), "--require", "broker", "--on-untrusted", "keep"]
    done = devbroker.command(["dirac-mq-consume", name, "--drain", *flags])
    assert (done.status, done.stdout) == (65, "")
    assert "error: more than 1000 messages are not accepted: they are back in dev::Queues::" in done.stderr
    devbroker.wait_count(name, 1100)
    assert _left(devbroker, name) == list(map(str, range(1100)))


@pytest.mark.parametrize("flags", [["--on-untrusted", "stop"], []], ids=["asked for", "by default without a place"])
@pytest.mark.parametrize("command", [["-F", "%{body}\\n"], ["-x", "cat; echo"]], ids=["printed", "handled"])
def test_stopped(devbroker: Broker, make_queue: QueueFactory, flags: list[str], command: list[str]) -> None:
    """What came before is taken; the refused one and all after it are back, in order, and the exit status is 65."""
    name, cfg = make_queue()
    _mixed(devbroker, name)
    done = devbroker.command(
        ["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "-q", "--require", "broker", *flags, *command]
    )
    assert (done.status, done.stdout) == (65, "good 1\n")
    assert done.stderr == (
        f"dirac-mq-consume: error: message f is not accepted (claims {OTHER} but was sent by {devbroker.dn('user')}) "
        f"and is back in dev::Queues::{name}\n"
        "dirac-mq-consume: hint: to go on without it: --reject-to DIR, or --on-untrusted keep\n"
    )
    devbroker.wait_count(name, 4)
    assert _left(devbroker, name) == ALL[1:]


@pytest.mark.parametrize(
    ("flags", "status", "said"),
    [
        (["--on-untrusted", "dead"], 78, "has no dead-letter queue, so --on-untrusted dead would destroy messages"),
        (["--on-fail", "dead", "-x", "false"], 78, "so --on-fail dead would destroy messages"),
        (["--on-untrusted", "keep", "--follow"], 2, "--on-untrusted keep holds messages to the end, and there is none"),
        (["--allow-dn", "/no/such/file"], 2, "--allow-dn: cannot read /no/such/file: no such file or directory"),
        (["--reject-to", "/dev/null"], 74, "cannot save into /dev/null: not a directory"),
    ],
)
def test_refused_at_start(
    devbroker: Broker, make_queue: QueueFactory, flags: list[str], status: int, said: str
) -> None:
    """What would destroy messages, or cannot be, is refused before anything is taken."""
    name, cfg = make_queue()
    publish(devbroker, name, "x")
    much = [] if "--follow" in flags else ["--drain"]
    done = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), *much, *flags])
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr
    [(method, _, _)] = take(devbroker, name)
    assert not method.redelivered


def test_put_aside_with_the_reason(devbroker: Broker, jobs: str, tmp_path: Path) -> None:
    """--reject-to wins over dead letters: body, envelope and reason of each, for its owner alone; then it is gone."""
    _mixed(devbroker, jobs)
    refused = tmp_path / "refused"
    done = devbroker.command(
        ["dirac-mq-consume", jobs, "-n", "3", "-j", "--require", "broker", "--reject-to", str(refused), "-v"]
    )
    assert (done.status, bodies(done)) == (0, GOOD)
    assert [path.name for path in sorted(refused.iterdir())] == [
        f"00000{number}-{name}.{end}" for number, name in ((1, "f"), (2, "u")) for end in ("body", "json", "reason")
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in refused.iterdir()} == {0o600}
    assert (refused / "000001-f.body").read_text() == "forged"
    reason = f"claims {OTHER} but was sent by {devbroker.dn('user')}"
    assert (refused / "000001-f.reason").read_text() == f"claims-another\n{reason}\n"
    assert json.loads((refused / "000001-f.json").read_text())["origin"] == {
        "level": None,
        "reason": reason,
        "code": "claims-another",
    }
    weak = "its origin is only claimed, and vouched for by the broker is required"
    assert (refused / "000002-u.reason").read_text() == f"origin-too-weak\n{weak}\n"
    assert json.loads((refused / "000002-u.json").read_text())["origin"] == {
        "level": "claimed",
        "dn": devbroker.dn("user"),
        "reason": weak,
        "code": "origin-too-weak",
    }
    assert f"message f is not accepted (claims-another): {reason}" in done.stderr
    assert f"2 messages put into {refused}, not accepted: 1 claims-another, 1 origin-too-weak" in done.stderr
    assert (devbroker.count(jobs), devbroker.count("demo.dead")) == (0, 0)


def test_what_a_command_rejects_is_put_aside_too(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Without dead letters, exit 65, or any other with --on-fail dead, brings the message into the directory."""
    name, cfg = make_queue()
    publish(devbroker, name, "1", message_id="one", user_id=devbroker.dn("user"))
    publish(devbroker, name, "2", message_id="two")
    flags = ["--cfg", str(cfg), "--drain", "--on-fail", "dead", "--reject-to", str(tmp_path / "no")]
    done = devbroker.command(["dirac-mq-consume", name, *flags, "-x", 'test "$(cat)" = 1 && exit 65; exit 9'])
    assert (done.status, done.stdout) == (0, "")
    assert f"0 handled, 2 put into {tmp_path}/no" in done.stderr
    assert (tmp_path / "no" / "000001-one.reason").read_text() == "rejected-by-command\nexit 65\n"
    assert (tmp_path / "no" / "000002-two.reason").read_text() == "rejected-by-command\nexit 9\n"
    origin = json.loads((tmp_path / "no" / "000001-one.json").read_text())["origin"]
    assert origin == {"level": "broker", "dn": devbroker.dn("user")}
    assert devbroker.count(name) == 0


@pytest.mark.parametrize("verb", ["peek", "tail"])
def test_left_out_of_what_is_shown(devbroker: Broker, make_queue: QueueFactory, verb: str) -> None:
    """peek and tail show the good ones only, and count the others on stderr; with -v each is named."""
    name, cfg = make_queue()
    argv = [f"dirac-mq-{verb}", name, "--cfg", str(cfg), "-j", "--require", "broker"]
    if verb == "peek":
        _mixed(devbroker, name)
        done = devbroker.command([*argv, "-v"])
    else:
        with running(devbroker, [*argv, "-v", "-n", "3"]) as command:
            command.says("following")
            _mixed(devbroker, name)
            done = command.end()
    assert (done.status, bodies(done)) == (0, GOOD)
    assert "message f is not accepted (claims-another)" in done.stderr
    assert "2 messages left out, not accepted: 1 claims-another, 1 origin-too-weak" in done.stderr
    assert devbroker.count(name) == 5


def test_fewer_than_were_asked_for(devbroker: Broker, jobs: str) -> None:
    """What is left out does not count: peek -n 3 that shows 2 is 4, and one that shows none is 3."""
    _mixed(devbroker, jobs)
    done = devbroker.command(["dirac-mq-peek", jobs, "-n", "3", "-j", "--require", "broker"])
    assert (done.status, bodies(done)) == (4, GOOD[:2])
    done = devbroker.command(["dirac-mq-peek", jobs, "-j", "--require", "signed"])
    assert (done.status, done.stdout) == (3, "")
    assert "5 messages left out" in done.stderr
    assert devbroker.count(jobs) == 5


def _shown(broker: Broker, name: str, cfg: Path, *flags: str) -> list[str]:
    return bodies(broker.command(["dirac-mq-peek", name, "--cfg", str(cfg), "-j", *flags]))


def test_groups_are_the_registrys(devbroker: Broker, make_queue: QueueFactory) -> None:
    """AllowedGroups means the DNs that /Registry names; the group that a message claims is nothing."""
    name, cfg = make_queue(AllowedGroups="dirac_pilot")
    claims = {"dirac-group": "dirac_pilot"}
    publish(devbroker, name, "a user who says pilot", user_id=devbroker.dn("user"), headers=claims)
    publish(devbroker, name, "a pilot", "pilot", user_id=devbroker.dn("pilot"), role="pilot")
    publish(devbroker, name, "nobody", headers={**claims, "dirac-dn": devbroker.dn("pilot")})
    assert _shown(devbroker, name, cfg) == ["a pilot", "pilot"]


def test_a_group_that_is_not_there(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A typo in AllowedGroups is said, with its place; it allows neither nobody nor everybody."""
    name, cfg = make_queue(AllowedGroups="dirac_pilt")
    done = devbroker.command(["dirac-mq-peek", name, "--cfg", str(cfg)])
    assert (done.status, done.stdout) == (78, "")
    assert re.search(
        rf"AllowedGroups of .*/{name} in .*\.cfg: /Registry/Groups in .* has no group dirac_pilt", done.stderr
    )


def test_a_server_is_allowed_by_its_login(devbroker: Broker) -> None:
    """user:NAME means who logged in by that name, and what the broker vouches for."""
    layout = devbroker.layout
    password = re.search(r"Password = (\S+)", layout.server_cfg.read_text())
    assert password
    connection = devbroker.client(
        credential=layout.host_certificate,
        key=layout.host_key,
        credentials=pika.PlainCredentials("monitor", password[1]),
    )
    channel = connection.channel()
    channel.queue_purge("demo.metrics")
    channel.basic_publish("demo.metrics.x", "", b"the server", pika.BasicProperties(user_id="monitor"))
    channel.basic_publish("demo.metrics.x", "", b"who?", pika.BasicProperties(headers={"dirac-dn": "monitor"}))
    argv = ["dirac-mq-peek", "demo.metrics", "--cfg", str(layout.server_cfg), "-j"]
    argv += ["--cert", str(layout.host_certificate), "--key", str(layout.host_key)]
    option = "/Resources/MQServices/devserver/Queues/demo.metrics/AllowedDNs"
    shown = {
        allowed: bodies(devbroker.command([*argv, "-o", f"{option}={allowed}"]))
        for allowed in ("user:monitor", "user:other", devbroker.dn("user"))
    }
    channel.queue_purge("demo.metrics")
    connection.close()
    assert shown == {"user:monitor": ["the server"], "user:other": [], devbroker.dn("user"): []}


def test_the_stricter_of_flags_and_configuration(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """--require and --allow-dn never widen what the CS allows, and narrow it."""
    name, cfg = make_queue(Origin="broker", AllowedGroups="dirac_pilot, dirac_user")
    publish(devbroker, name, "user", user_id=devbroker.dn("user"))
    publish(devbroker, name, "pilot", user_id=devbroker.dn("pilot"), role="pilot")
    publish(devbroker, name, "nobody")
    file = tmp_path / "dns"
    file.write_text(f"# who\n{devbroker.dn('pilot')}\n{OTHER}\n")
    assert _shown(devbroker, name, cfg, "--require", "claimed") == ["user", "pilot"]
    assert _shown(devbroker, name, cfg, "--allow-dn", str(file)) == ["pilot"]
    assert _shown(devbroker, name, cfg, "--require", "signed") == []


def _signed(broker: Broker, name: str, cfg: Path, *texts: str) -> None:
    for text in texts:
        done = broker.command(["dirac-mq-send", name, "--cfg", str(cfg), "--sign", "-m", text])
        assert done.status == 0, done.stderr


def test_a_reader_who_cannot_judge_gives_nothing_up(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path
) -> None:
    """Without the CA's CRL every signature fails, and that is the reader's fault: 77, and the message stays."""
    name, cfg = make_queue()
    _signed(devbroker, name, cfg, "good")
    authorities = tmp_path / "certificates"
    shutil.copytree(devbroker.layout.certificates, authorities, ignore=shutil.ignore_patterns("*.r0"))
    flags = ["--cfg", str(cfg), "--require", "signed", "--drain", "--reject-to", str(tmp_path / "no")]
    done = devbroker.command(["dirac-mq-consume", name, *flags, "--capath", str(authorities)])
    assert (done.status, done.stdout) == (77, "")
    assert re.search(
        r"error: message \S+ cannot be judged \(the CA directory has no CRL of .*\) and is back", done.stderr
    )
    assert "hint: fetch-crl" in done.stderr
    assert list((tmp_path / "no").iterdir()) == []
    devbroker.wait_count(name, 1)
    done = devbroker.command(["dirac-mq-consume", name, *flags, "-j"])
    assert (done.status, bodies(done)) == (0, ["good"])


def test_max_age(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A signature that is older than --max-age proves nothing any more."""
    name, cfg = make_queue()
    _signed(devbroker, name, cfg, "x")
    assert _shown(devbroker, name, cfg, "--require", "signed", "--max-age", "1h") == ["x"]
    done = devbroker.command(
        ["dirac-mq-peek", name, "--cfg", str(cfg), "--require", "signed", "--max-age", "1ms", "-v", "-j"]
    )
    assert (done.status, done.stdout) == (3, "")
    assert "1 message left out, not accepted: 1 too-old" in done.stderr


def _again(broker: Broker, name: str) -> None:
    """Take what is in the queue by another client, and send it twice as it was."""
    taken = take(broker, name)
    for _ in range(2):
        for _, properties, body in taken:
            with broker.channel("user") as channel:
                channel.basic_publish(f"{name}.x", "", body, properties)


def _consumed(broker: Broker, name: str, cfg: Path, state: Path, *flags: str) -> Completed:
    return broker.command(
        ["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "-j", *flags], XDG_STATE_HOME=str(state)
    )


def test_once(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A signed message is taken once, within a run and by a later one; without --once as often as it comes."""
    name, cfg = make_queue()
    _signed(devbroker, name, cfg, "one", "two")
    _again(devbroker, name)
    done = _consumed(devbroker, name, cfg, tmp_path, "--once", "-n", "2")
    assert (done.status, bodies(done)) == (0, ["one", "two"])
    done = _consumed(devbroker, name, cfg, tmp_path, "--once")
    assert (done.status, done.stdout) == (3, "")
    assert "2 dropped, taken before (the same signer and id)" in done.stderr
    assert devbroker.count(name) == 0


def test_a_queue_of_signed_messages_is_read_once_without_asking(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path
) -> None:
    """Origin = signed is enough, for a command too; another consumer's memory is another's."""
    name, cfg = make_queue(Origin="signed")
    _signed(devbroker, name, cfg, "one")
    _again(devbroker, name)
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "-x", "cat; echo"]
    done = devbroker.command(argv, XDG_STATE_HOME=str(tmp_path))
    assert (done.status, done.stdout) == (0, "one\n")
    assert "1 dropped, taken before" in done.stderr
    [file] = [path for path in (tmp_path / "dirac-mq" / "seen").iterdir() if not path.name.endswith("-journal")]
    assert file.name.startswith(f"dev__Queues__{name}-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_id_that_is_only_claimed_drops_nothing(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Neither does a message that anybody could write keep the signed one of that id away, nor the reverse."""
    name, cfg = make_queue()
    _signed(devbroker, name, cfg, "signed")
    with devbroker.channel("user") as channel:
        _, properties, _ = channel.basic_get(name)
    own = {"message_id": properties.message_id, "user_id": devbroker.dn("user")}
    publish(devbroker, name, "claimed", "claimed", **own)
    devbroker.wait_count(name, 3)
    done = _consumed(devbroker, name, cfg, tmp_path, "--once")
    assert (done.status, sorted(bodies(done))) == (0, ["claimed", "claimed", "signed"])
    publish(devbroker, name, "claimed again", **own)
    done = _consumed(devbroker, name, cfg, tmp_path, "--once")
    assert (done.status, bodies(done)) == (0, ["claimed again"])


def test_a_command_that_failed_has_not_taken_it(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Only what a command has done counts as taken; what it gave back comes again."""
    name, cfg = make_queue(Origin="signed")
    _signed(devbroker, name, cfg, "one")
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "-q", "-x"]
    done = devbroker.command([*argv, "exit 9"], XDG_STATE_HOME=str(tmp_path))
    assert done.status == 1
    done = devbroker.command([*argv, "cat"], XDG_STATE_HOME=str(tmp_path))
    assert (done.status, done.stdout) == (0, "one")


def test_it_survives_a_kill(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """SIGKILL after the message was shown: its repeat is dropped by the next run."""
    name, cfg = make_queue()
    _signed(devbroker, name, cfg, "one")
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "-j", "--once"]
    with running(devbroker, argv, XDG_STATE_HOME=str(tmp_path)) as first:
        row = json.loads(first.shows(b"\n"))
        devbroker.wait_count(name, 0)
        first.process.kill()
        first.process.wait()
    headers = row["headers"]
    taken = {key: row["properties"][key] for key in ("message_id", "user_id", "app_id", "content_type")}
    taken["timestamp"] = int(datetime.fromisoformat(row["properties"]["timestamp"]).timestamp())
    for _ in range(2):
        publish(devbroker, name, row["body"], headers=headers, **taken)
    done = _consumed(devbroker, name, cfg, tmp_path, "--once", "--require", "signed")
    assert (done.status, done.stdout) == (3, "")
    assert "2 dropped, taken before" in done.stderr

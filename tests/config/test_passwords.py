"""Passwords: from private local files only, the most specific one, never shown."""

import os

import pytest
from support.cfgs import load, model_of, mq_service, write_cfg

from diracmq_cli.config import read_messaging
from diracmq_cli.core.model import Secret
from diracmq_cli.errors import CredentialError, ExitStatus

QUEUES = "Queues\n{\njobs\n{\n}\n}"
LOGIN = "Host = mq1\nUser = robot\nPassword = s3cret"


def test_private_file(tmp_path):
    """A password in a file that only we can read is taken, and cannot be printed by accident."""
    (service,) = model_of(tmp_path, mq_service(QUEUES, head=LOGIN), mode=0o600).services
    assert service.password == Secret("s3cret")
    assert service.password_problem is None
    assert "s3cret" not in repr(service) + str(service.password)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o610])
def test_file_that_others_can_reach(tmp_path, mode):
    """One that anybody else has access to is not taken: the reason (77, with the remedy) is kept for who logs in."""
    (service,) = model_of(tmp_path, mq_service(QUEUES, head=LOGIN), mode=mode).services
    file = tmp_path / "dirac.cfg"
    problem = service.password_problem
    assert service.password is None
    assert isinstance(problem, CredentialError)
    assert problem.exit_status is ExitStatus.NO_PERMISSION
    assert str(problem) == (
        f"/Resources/MQServices/mq/Password in {file} line 9 cannot be used: others have access to it (mode {mode:04o})"
    )
    assert problem.hint == f"chmod 600 {file}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_somebody_else(tmp_path):
    """A file of another user is not taken, even when we (root) can read it."""
    file = write_cfg(tmp_path, mq_service(QUEUES, head=LOGIN), mode=0o600)
    os.chown(file, 12345, 12345)
    (service,) = read_messaging(load(file)).services
    assert service.password is None
    assert "it belongs to another user (uid 12345)" in str(service.password_problem)


def test_only_the_file_of_the_password_counts(tmp_path):
    """The entry may stand in a public file and its password in a private one."""
    public = write_cfg(tmp_path, mq_service(QUEUES, head="Host = mq1\nUser = robot"), "public.cfg")
    private = write_cfg(tmp_path, mq_service("", head="Password = s3cret"), "private.cfg", mode=0o600)
    (service,) = read_messaging(load(public, private)).services
    assert service.password == Secret("s3cret")
    (service,) = read_messaging(load(private, public)).services
    assert service.password == Secret("s3cret")


def test_without_a_user_there_is_no_password(tmp_path):
    """A Password without a User is not used: such a service is for certificates."""
    for mode in (0o600, 0o644):
        (service,) = model_of(tmp_path, mq_service(QUEUES, head="Host = mq1\nPassword = s3cret"), mode=mode).services
        assert (service.user, service.password, service.password_problem) == (None, None, None)


def test_exposed_password_hides_no_queue(tmp_path):
    """The queues of that service are still listed: only logging in is refused."""
    model = model_of(tmp_path, mq_service(QUEUES, head=LOGIN), mode=0o644)
    assert model.resolve("mq::Queues::jobs").service.user == "robot"
    assert model.refused == ()


LEVELS = {
    "queue": ("/Systems/S/MessageQueueing/Logs", "Password = queue"),
    "local queue": ("/LocalInstallation/MessageQueueing/Logs", "Password = local queue"),
    "level": ("/Systems/S/MessageQueueing", "Password = level"),
    "local": ("/LocalInstallation/MessageQueueing", "Password = local"),
}


def rfc_service(tmp_path, levels, modes=None):
    """The service of S/Logs with passwords at these levels, each in its own file."""
    files = [write_cfg(tmp_path, nested("/Systems/S/MessageQueueing", "Host = mq1\nUser = robot\nLogs\n{\n}"), "s.cfg")]
    for n, level in enumerate(levels):
        text = nested(*LEVELS[level])
        files.append(write_cfg(tmp_path, text, f"{n}.cfg", mode=(modes or {}).get(level, 0o600)))
    return read_messaging(load(*files)).resolve("S/Logs").service


def nested(path, body):
    """A CFG with ``body`` in the section at ``path``."""
    names = path.strip("/").split("/")
    return "".join(f"{name}\n{{\n" for name in names) + body + "\n" + "}\n" * len(names)


@pytest.mark.parametrize("first", range(4))
def test_most_specific_password_wins(tmp_path, first):
    """In the RFC's layout: the queue's own, its local one, its System's, the local one for all."""
    levels = list(LEVELS)[first:]
    assert rfc_service(tmp_path, reversed(levels)).password == Secret(levels[0])


def test_exposed_specific_password_is_not_passed_over(tmp_path):
    """A less specific password would be the wrong one, sent to the wrong place."""
    service = rfc_service(tmp_path, ["local queue", "local"], {"local queue": 0o644})
    assert service.password is None
    assert "/LocalInstallation/MessageQueueing/Logs/Password" in str(service.password_problem)


def test_local_password_is_not_for_mq_services(tmp_path):
    """/LocalInstallation is the RFC layout's: a service's password stands in its own section."""
    local = write_cfg(tmp_path, nested(*LEVELS["local"]), "local.cfg", mode=0o600)
    entry = write_cfg(tmp_path, mq_service(QUEUES, head="Host = mq1\nUser = robot"), "entry.cfg")
    (service,) = read_messaging(load(local, entry)).services
    assert service.password is None

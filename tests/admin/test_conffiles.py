"""RabbitMQ's configuration files; that RabbitMQ takes them is what every test with the devbroker shows."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from support.specs import SERVICE, queue

from diracmq_cli.admin.conffiles import NodeSettings, advanced_config, consumer_timeout, rabbitmq_conf
from diracmq_cli.core.model import HostPort, MessagingModel

SETTINGS = NodeSettings(
    listeners=(HostPort("127.0.0.1", 5671), HostPort("::1", 5671)),
    certificate=Path("/etc/grid-security/hostcert.pem"),
    key=Path("/etc/grid-security/hostkey.pem"),
    authorities=Path("/etc/rabbitmq/ca.pem"),
    revocations=Path('/odd "name"\\here'),
    definitions=Path("/etc/rabbitmq/definitions.json"),
)


def test_no_plain_listener_and_no_password_unless_asked():
    """TLS only; PLAIN is offered only where a server logs in with a password."""
    text = rabbitmq_conf(SETTINGS)
    assert "listeners.tcp = none" in text
    assert "listeners.ssl.1 = 127.0.0.1:5671" in text
    assert "listeners.ssl.2 = [::1]:5671" in text
    assert "PLAIN" not in text
    assert "auth_mechanisms.2 = PLAIN" in rabbitmq_conf(replace(SETTINGS, passwords=True))


def test_the_advanced_file_is_an_erlang_term(tmp_path):
    """Erlang reads it, whatever the paths hold."""
    file = tmp_path / "advanced.config"
    file.write_text(advanced_config(SETTINGS))
    program = (
        f'{{ok, [[{{rabbit, [{{ssl_options, O}}]}}]]}} = file:consult("{file}"), '
        "{_, {internal, [{dir, D}]}} = proplists:get_value(crl_cache, O), io:put_chars(D), halt()."
    )
    done = subprocess.run(["erl", "-noshell", "-eval", program], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, '/odd "name"\\here')


def test_the_longest_consumer_timeout_holds_for_the_node():
    """One queue's work may take a day; before RabbitMQ 3.12 the timeout is the node's."""
    assert consumer_timeout(MessagingModel(services=(SERVICE,))) == 1800
    queues = (queue("a", consumer_timeout=86400.0), queue("b", consumer_timeout=60.0))
    assert consumer_timeout(MessagingModel(queues=queues, services=(SERVICE,))) == 86400

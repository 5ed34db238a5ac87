"""RabbitMQ's configuration files; that RabbitMQ takes them is what every test with the devbroker shows."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from diracmq_cli.admin.conffiles import (
    Check,
    Demands,
    Limited,
    Management,
    NodeSettings,
    advanced_config,
    enabled_plugins,
    rabbitmq_conf,
)
from diracmq_cli.core.model import HostPort

SETTINGS = NodeSettings(
    listeners=(HostPort("127.0.0.1", 5671), HostPort("::1", 5671)),
    certificate=Path("/etc/grid-security/hostcert.pem"),
    key=Path("/etc/grid-security/hostkey.pem"),
    authorities=Path("/etc/rabbitmq/ca.pem"),
    revocations=Path('/odd "name"\\here'),
    definitions=Path("/etc/rabbitmq/definitions.json"),
)


def consulted(text: str, tmp_path: Path, expression: str) -> str:
    """What Erlang makes of ``expression`` over the ssl_options ``O`` of an advanced.config."""
    file = tmp_path / "advanced.config"
    file.write_text(text)
    program = f'{{ok, [[{{rabbit, [{{ssl_options, O}}]}}]]}} = file:consult("{file}"), {expression}, halt().'
    done = subprocess.run(["erl", "-noshell", "-eval", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_no_plain_listener_and_no_password_unless_asked():
    """TLS only; PLAIN is offered only where a server logs in with a password."""
    text = rabbitmq_conf(SETTINGS, Demands())
    assert "listeners.tcp = none" in text
    assert "listeners.ssl.1 = 127.0.0.1:5671" in text
    assert "listeners.ssl.2 = [::1]:5671" in text
    assert "PLAIN" not in text
    assert "listeners.ssl.default = 5671" in rabbitmq_conf(replace(SETTINGS, listeners=()), Demands())
    assert "auth_mechanisms.2 = PLAIN" in rabbitmq_conf(SETTINGS, Demands(passwords=True))


OPTIONS = "element(3, proplists:get_value(verify_fun, O))"


def test_the_advanced_file_is_an_erlang_term(tmp_path):
    """Erlang reads it, whatever the paths hold."""
    expression = f"{{require, D}} = proplists:get_value(crl, {OPTIONS}), io:put_chars(D)"
    assert consulted(advanced_config(SETTINGS), tmp_path, expression) == '/odd "name"\\here'


def test_what_the_plugin_is_told(tmp_path):
    """The options of verify_fun: how many proxies, limited ones or not, where CRLs and signing policies are and what it
    means that there is none; depth fits the proxies."""
    settings = replace(
        SETTINGS,
        limited=Limited.REJECT,
        max_proxies=3,
        revocations=Path("/ca"),
        crl=Check.IF_PRESENT,
        policies=Path("/p"),
        signing_policy=Check.REQUIRE,
    )
    expression = f'io:format("~0p ~w", [{OPTIONS}, proplists:get_value(depth, O)])'
    shown = consulted(advanced_config(settings), tmp_path, expression)
    assert shown == '[{max_proxies,3},{limited,reject},{crl,{if_present,"/ca"}},{signing_policy,{require,"/p"}}] 13'


def test_what_is_off_is_not_asked_for(tmp_path):
    """No CRL is looked for when told so, and no signing policy where there is no file of them."""
    shown = consulted(advanced_config(replace(SETTINGS, crl=Check.OFF)), tmp_path, f'io:format("~0p", [{OPTIONS}])')
    assert shown == "[{max_proxies,10},{limited,allow},{crl,off},{signing_policy,off}]"


def test_management_and_metrics_only_where_asked():
    """Without a ManagementURL there is no HTTP API; metrics are for this machine alone."""
    assert "management" not in rabbitmq_conf(SETTINGS, Demands())
    assert enabled_plugins(SETTINGS, Demands()) == "[rabbitmq_grid_proxy].\n"
    settings, demands = (
        replace(SETTINGS, prometheus=15692),
        Demands(management=Management(port=15671, tls=True, loopback=False)),
    )
    assert enabled_plugins(settings, demands) == "[rabbitmq_grid_proxy,rabbitmq_management,rabbitmq_prometheus].\n"
    text = rabbitmq_conf(settings, demands)
    assert "management.ssl.port = 15671" in text
    assert "management.tcp" not in text
    assert "prometheus.tcp.ip = 127.0.0.1" in text
    local = rabbitmq_conf(SETTINGS, Demands(management=Management(port=15672, tls=False, loopback=True)))
    assert "management.tcp.ip = 127.0.0.1" in local

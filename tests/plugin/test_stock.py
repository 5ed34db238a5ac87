"""The plugin and RabbitMQ's own rabbitmq_auth_mechanism_ssl: what that lets in, and that the two never run together."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.chain_parts import USER_USAGE, name
from support.chain_server import VERSIONS, ChainServer
from support.chain_world import world
from support.chains import issue

from diracmq_cli.admin.installation import find_rabbitmq


@pytest.mark.parametrize("version", VERSIONS)
def test_the_forged_chain_that_stock_rabbitmq_lets_in(chain_server: ChainServer, version: str) -> None:
    """A user whose certificate has no keyUsage certifies somebody else's name. Stock RabbitMQ on OTP 25.2.3 logs him in
    under it (the class of CVE-2026-42789); the plugin refuses, whatever this Erlang does."""
    mallory = issue(name("DC=org", "DC=example", "CN=Mallory"), world().ca)
    forged = issue(name("DC=org", "DC=example", "CN=Victim"), mallory, USER_USAGE)
    ours = chain_server.judge([forged, mallory], version=version)
    assert not ours.accepted
    assert not ours.client_got_in
    assert ours.log == [
        "grid proxy: refused /DC=org/DC=example/CN=Victim in the path of /DC=org/DC=example/CN=Mallory: "
        "signed_by_end_entity"
    ]
    stock = chain_server.judge([forged, mallory], listener="stock", version=version)
    if not stock.accepted:
        pytest.skip("this Erlang is already fixed: stock RabbitMQ refuses the forged chain too")
    assert stock.client_got_in
    assert stock.login == "CN=Victim,DC=example,DC=org"


def test_stock_takes_the_name_of_the_leaf(chain_server: ChainServer) -> None:
    """What honest users are called there, so that the test above says what it seems to say."""
    jane = chain_server.judge([world().jane], listener="stock", version="1.3")
    assert (jane.accepted, jane.login) == (True, "CN=Jane Doe,DC=example,DC=org")


def test_the_plugin_does_not_start_beside_the_stock_one(plugin: Path) -> None:
    """With both enabled the application does not start, and says which to disable; RabbitMQ then does not start
    either, since a plugin failed."""
    libraries = [plugin / "ebin", *find_rabbitmq().plugins.glob("*/ebin")]
    program = (
        "ok = logger:add_handler(all, logger_std_h, #{}), ok = application:load(rabbitmq_auth_mechanism_ssl), "
        'io:format("~p", [rabbit_grid_proxy_app:start(normal, [])]), '
        "logger_std_h:filesync(all), halt()."
    )
    done = subprocess.run(
        ["erl", "-noshell", "-pa", *map(str, libraries), "-eval", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "{error,rabbitmq_auth_mechanism_ssl_is_enabled_too}" in done.stdout
    assert "disable it" in done.stdout + done.stderr

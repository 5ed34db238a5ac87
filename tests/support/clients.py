"""Whom a real broker takes the holder of a chain for, by a client that shares no code with ours."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker
from support.broker import VHOST, Broker
from support.chains import YESTERDAY, Issued, proxy

from diracmq_cli.devbroker import Role


def load(certificate: Path, key: Path) -> Issued:
    return Issued(
        certificate=x509.load_pem_x509_certificate(certificate.read_bytes()),
        key=serialization.load_pem_private_key(key.read_bytes(), None),  # type: ignore[arg-type]
    )


def person(devbroker: Broker, role: Role) -> Issued:
    """A devbroker's person, to sign with."""
    return load(devbroker.layout.certificate(role), devbroker.layout.key(role))


def short_proxy(devbroker: Broker, path: Path, seconds: float) -> None:
    """Put a user's proxy that ends so soon into its place, as dirac-proxy-init does: in one step."""
    user = person(devbroker, Role.USER)
    life = YESTERDAY, (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
    made = proxy(user, life=life)
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(made.pem + made.key_pem + user.pem)
    new.rename(path)


def login(devbroker: Broker, credential: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> str:
    """Whom the broker takes the holder of this file for: what it says of a user_id that is wrong."""
    context = devbroker.context(credential)
    context.minimum_version = context.maximum_version = version
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            "localhost",
            devbroker.port,
            VHOST,
            pika.credentials.ExternalCredentials(),
            ssl_options=pika.SSLOptions(context, "localhost"),
        )
    )
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as caught:
            channel.basic_publish("demo.jobs.x", "", b"", pika.BasicProperties(user_id="/CN=Nobody"))
        assert caught.value.reply_code == 406
        return caught.value.reply_text.split("authenticated user was '")[1].rstrip("'")
    finally:
        connection.close()


def refused(devbroker: Broker, credential: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> str:
    """That nobody gets in with this file; returns what the plugin logged about it."""
    before = len(devbroker.log)
    with pytest.raises((AMQPConnectionError, ssl.SSLError)):
        login(devbroker, credential, version)
    deadline = time.monotonic() + 5
    while "grid proxy: " not in (new := devbroker.log[before:]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return new

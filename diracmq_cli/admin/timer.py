"""The systemd units that keep a broker's trust up to date."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_UNITS = """\
# /etc/systemd/system/dirac-mq-trust.service
[Unit]
Description=Bring the broker's certification authorities and signing policies up to date
After=rabbitmq-server.service

[Service]
Type=oneshot
ExecStart={command}

# /etc/systemd/system/dirac-mq-trust.timer
[Unit]
Description=Bring the broker's certification authorities and signing policies up to date, daily

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target

# then: systemctl daemon-reload && systemctl enable --now dirac-mq-trust.timer
"""


def systemd_units(command: Sequence[str]) -> str:
    """A service that runs ``command`` and a timer that starts it daily, as text that says where each goes.

    CRLs need none: the plugin sees itself when fetch-crl has brought new ones.
    """
    # systemd reads % and $ in a command; shlex' quotes it understands.
    return _UNITS.format(command=shlex.join(command).replace("%", "%%").replace("$", "$$"))

"""``dirac-mq broker render``: the configuration of a secure RabbitMQ, from the CS."""

from __future__ import annotations

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Talk, grouped

EXAMPLES = """\
dirac-mq broker render --service mq --out mq.conf.d
"""


@grouped
def render(*, talk: Talk) -> None:
    """Write the configuration of a RabbitMQ that is as secure as the CS asks for."""
    with running("broker", talk):
        raise NotImplementedError

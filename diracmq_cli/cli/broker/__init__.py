"""``dirac-mq broker``: a broker set up from the CS. Each sub-command is a file of this package."""

from __future__ import annotations

from diracmq_cli.cli.assembly import LateGroup, new_app

VERBS = ("render", "diff", "apply", "plugin", "trust")
"""Sub-commands in the order of the help; each is ``cli/broker/<verb>.py``."""


class _Broker(LateGroup):
    package = __name__
    verbs = VERBS


app = new_app(no_args_is_help=True, cls=_Broker)

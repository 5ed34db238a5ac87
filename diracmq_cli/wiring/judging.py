"""The judge of a queue's messages: which routes the CS lets them take."""

from __future__ import annotations

from collections.abc import Callable

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.model import MessagingModel, QueueSpec
from diracmq_cli.core.verdict import Route, Verdict, judge


def judge_for(queue: QueueSpec, model: MessagingModel) -> Callable[[Delivery], Verdict]:
    """A function that judges deliveries of ``queue``."""
    route = Route.to(queue, model)
    return lambda delivery: judge(delivery, route)

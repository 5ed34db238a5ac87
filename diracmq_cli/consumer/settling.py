"""What becomes of messages, by how their execution ended: the decisions of one worker."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from diracmq_cli.consumer.ends import Again, Done, End, Failed, Refused
from diracmq_cli.consumer.figures import Event
from diracmq_cli.core.message import Handled, Settlement
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import MQError
from diracmq_cli.output.escape import visible

if TYPE_CHECKING:
    from diracmq_cli.consumer.deadletters import DeadLetters
    from diracmq_cli.consumer.quota import Quota
    from diracmq_cli.consumer.tries import Tries
    from diracmq_cli.consumer.worklist import Task, Worklist
    from diracmq_cli.core.consumerspec import ConsumerSpec

_WITHOUT_QUOTA = 1.0
"""Seconds until it is seen again whether one more may be begun, of those that ``MaxMessages`` allows."""

_log = logging.getLogger("dirac-consumer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all workers of a consumer have in common."""

    spec: ConsumerSpec
    worklist: Worklist
    tries: Tries
    quota: Quota


class Settling:
    """Settles what one worker has executed, or keeps it for another try."""

    def __init__(self, shared: Shared, dead_letters: DeadLetters) -> None:
        self._spec, self._worklist, self._tries = shared.spec, shared.worklist, shared.tries
        self._quota, self._dead_letters = shared.quota, dead_letters

    def begin(self, task: Task) -> bool:
        """Whether a message is to be executed now; if not, that it is not is seen to."""
        if task.held.gone:
            return False
        if task.room <= 0:
            self._give_back(task)
        elif (left := self._tries.left(task.key)) > 0:
            self._hold(task, left)
        elif not self._quota.begin():
            self._worklist.put_later(task, _WITHOUT_QUOTA)
        elif task.fate is not None:
            self._give_up(task, task.fate)
        elif (tries := self._tries.of(task.key)) >= self._spec.max_tries:  # the last one has ended the process
            self._give_up(task, f"failed {tries} times, the last time it ended the consumer")
        else:
            return True
        return False

    def end(self, task: Task, end: End) -> None:
        """Do what is to be done with a message whose execution has ended in this way."""
        match end:
            case Done():
                self._leave(task, Settlement.ACK, "done", Event.HANDLED)
            case Again():
                delay = _delay(end.after, self._spec.retry_delay)
                task.source.count(Event.RETRIED)
                _log.info("%s comes again in %s: %s", task.label, format_duration(delay), end.reason)
                self._put_off(task, delay)
            case Refused():
                self._give_up(task, end.reason)
            case Failed():
                self._fail(task, end)
            case _:
                assert_never(end)

    def return_unexecuted(self, task: Task) -> None:
        """It was begun, and is not to be executed: the consumer ends, and it goes back then."""
        self._quota.unbegin()
        self._worklist.put(task)

    def _fail(self, task: Task, end: Failed) -> None:
        tries, most = self._tries.failed(task.key), self._spec.max_tries
        task.source.count(Event.FAILED)
        trace = None if isinstance(end.error, MQError) else end.error
        _log.error("%s failed (%d of %d): %s", task.label, tries, most, end.reason, exc_info=trace)
        if tries >= most:
            self._give_up(task, f"failed {tries} times: {end.reason}")
        else:
            self._put_off(task, self._spec.retry_delay)

    def _give_up(self, task: Task, reason: str) -> None:
        """To the dead letters; where that cannot be now, it is tried again later."""
        shown = visible(reason)
        try:
            settlement = self._dead_letters.take(task, shown)
        except MQError as error:
            _log.warning("%s cannot be dead-lettered now: %s", task.label, error)
            task.fate = reason
            self._put_off(task, self._spec.retry_delay)
            return
        _log.warning("%s is given up: %s", task.label, reason)
        self._leave(task, settlement, shown, Event.DEAD_LETTERED)

    def _leave(self, task: Task, settlement: Settlement, detail: str, event: Event) -> None:
        """It leaves its queue, unless its connection was lost meanwhile: then it comes again."""
        if task.held.settle(Handled(settlement=settlement, detail=detail)):
            self._tries.done(task.key)
            task.source.count(event)
            self._quota.done()
        else:
            task.source.count(Event.LOST)
            self._quota.unbegin()

    def _put_off(self, task: Task, delay: float) -> None:
        """It was begun, and is to be tried again after a while."""
        self._quota.unbegin()
        self._tries.put_off(task.key, delay)
        self._hold(task, delay)

    def _hold(self, task: Task, delay: float) -> None:
        """Keep it in hand, but no longer than the broker bears; when it comes again it waits for the rest."""
        self._worklist.put_later(task, max(0.0, min(delay, task.room)))

    def _give_back(self, task: Task) -> None:
        """It has waited in hand for too long: it is to come again from its queue, and its time begins anew."""
        if task.held.settle(Handled(settlement=Settlement.REQUEUE, detail="in hand for too long")):
            task.source.count(Event.RETURNED)


def _delay(wanted: float | None, usual: float) -> float:
    """What a module asks for, if it is a time at all."""
    if isinstance(wanted, (int, float)) and math.isfinite(wanted):
        return max(0.0, wanted)
    return usual

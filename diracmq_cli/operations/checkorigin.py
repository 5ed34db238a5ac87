"""What readers of a queue would say of a message that we send now: judged by their own code, without sending it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.finding import Finding
from diracmq_cli.core.model import OriginLevel, QueueSpec
from diracmq_cli.errors import AccessError, MQError

if TYPE_CHECKING:
    from diracmq_cli.core.policy import Refused
    from diracmq_cli.core.probing import Examiner
    from diracmq_cli.core.verdict import Verdict

_LABELS = {OriginLevel.SIGNED: "✓ signed", OriginLevel.BROKER: "✓ broker", OriginLevel.CLAIMED: "? claimed"}


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What would become of a message: the verdict, and who would refuse it; or why it cannot be sent like that."""

    verdict: Verdict | None = None
    refused: Refused | None = None
    error: MQError | None = None

    @property
    def label(self) -> str:
        if self.verdict is None:
            return f"✗ it cannot be signed: {self.error}"
        return f"✗ {self.verdict.reason}" if self.verdict.level is None else _LABELS[self.verdict.level]

    @property
    def reaches(self) -> OriginLevel | None:
        return None if self.verdict is None else self.verdict.level


def origin(examiner: Examiner, queue: QueueSpec, login: str, *, may_write: bool) -> Finding:
    """Say how readers would see a message, and whether they would take it.

    A refusal fails only those who may send there at all. A server that logs in by name signs nothing.
    """
    title = str(queue.address)
    by_name = not login.startswith("/")
    signed = None if by_name else _outlook(examiner, queue, login, OriginLevel.SIGNED)
    must_sign = queue.origin is OriginLevel.SIGNED and signed is not None
    sent = signed if must_sign and signed is not None else _outlook(examiner, queue, login, OriginLevel.BROKER)
    if sent.error is not None:
        return Finding.failed("origin", sent.error, title)
    detail = f"readers will see my messages as {sent.label}"
    if signed is not None and not must_sign:
        detail += f", and as {signed.label} with --sign"
    if sent.refused is not None:
        refusal = AccessError(
            f"{detail}; they would refuse them: {sent.refused.reason}",
            hint=f"dirac-mq list --explain {title} shows Origin, AllowedDNs and AllowedGroups",
        )
        return Finding.failed("origin", refusal, title) if may_write else Finding.skipped("origin", str(refusal), title)
    if sent.reaches is None or (signed is not None and signed.reaches is not OriginLevel.SIGNED):
        return Finding.warning("origin", detail, title, hint="a signature needs a CA directory with current CRLs")
    return Finding.ok("origin", detail, title)


def _outlook(examiner: Examiner, queue: QueueSpec, login: str, level: OriginLevel) -> _Outlook:
    try:
        return _Outlook(*examiner.judge(queue, login, level))
    except MQError as error:
        return _Outlook(error=error)

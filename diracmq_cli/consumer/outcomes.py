"""What ``execute`` raises to say that a message is not done, other than that something went wrong."""

from __future__ import annotations


class Retry(Exception):
    """Not now, and not this message's fault: it comes again after a while. That is no failed try.

    Args:
        reason: for the log.
        after: seconds; None: the consumer's ``RetryDelay``.
    """

    def __init__(self, reason: str = "not now", *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Reject(Exception):
    """It is this message's fault: to the dead-letter queue, with the reason in its header ``dirac-moved``."""

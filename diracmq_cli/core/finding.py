"""One line of ``check``: what was looked at, how it is, and what to type next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diracmq_cli.errors import ExitStatus, MQError


class Status(StrEnum):
    """How it is. A warning does not fail; what depends on something that failed is skipped."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came out of one check.

    ``subject`` is what it is about where there is more than one: services, or the address of a queue. ``next`` is the
    next thing to do, usually a command; ``code`` is the exit status of a failure, None of anything else.
    """

    check: str
    status: Status
    detail: str
    subject: str | None = None
    next: str | None = None
    code: ExitStatus | None = None

    @classmethod
    def ok(cls, check: str, detail: str, subject: str | None = None) -> Finding:
        """All is well."""
        return cls(check=check, status=Status.OK, detail=detail, subject=subject)

    @classmethod
    def warning(cls, check: str, detail: str, subject: str | None = None, *, hint: str | None = None) -> Finding:
        """Something works, and somebody should look at it."""
        return cls(check=check, status=Status.WARNING, detail=detail, subject=subject, next=hint)

    @classmethod
    def skipped(cls, check: str, detail: str, subject: str | None = None) -> Finding:
        """It was not looked at."""
        return cls(check=check, status=Status.SKIPPED, detail=detail, subject=subject)

    @classmethod
    def failed(cls, check: str, error: MQError, subject: str | None = None, *, hint: str | None = None) -> Finding:
        """It does not work; ``hint`` is for an error that has none."""
        return cls(
            check=check,
            status=Status.FAILED,
            detail=str(error),
            subject=subject,
            next=error.hint or hint,
            code=error.exit_status,
        )


def worst(findings: list[Finding]) -> ExitStatus:
    """The exit status of the first failure, or 0."""
    return next((finding.code for finding in findings if finding.code is not None), ExitStatus.OK)

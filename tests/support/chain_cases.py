"""The table of chains that the broker plugin must judge: each with the login it gives, or the reason of its refusal.

Whoever adds a rule adds a row; ``tests/plugin`` sends each row through TLS 1.2 and 1.3.
"""

from __future__ import annotations

from functools import cache

from support import chain_cases_bad as bad
from support import chain_cases_good as good
from support.chain_world import Case, world


@cache
def cases() -> tuple[Case, ...]:
    """Every row of the table."""
    made = world()
    groups = (*good.GROUPS, *bad.GROUPS)
    return tuple(case for group in groups for case in group(made))

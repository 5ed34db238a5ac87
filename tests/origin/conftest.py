"""A world with a CA directory for the module, and a place to make credentials in."""

from __future__ import annotations

import pytest
from support.origin_world import OriginWorld, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> OriginWorld:
    return make_world(tmp_path_factory.mktemp("world"))

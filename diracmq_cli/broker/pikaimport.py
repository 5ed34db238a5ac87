"""Import pika without asyncio.

``import pika`` imports its adapters, and the one for asyncio brings all of asyncio: 15 ms of every command, for a class
that nothing here uses. While pika is imported, that one adapter is missing; whoever asks pika for it later has it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

_ADAPTER = "pika.adapters.asyncio_connection"
_CLASS = "AsyncioConnection"


def import_pika() -> None:
    """Import the package; nothing is spared where asyncio or pika are there already."""
    if "asyncio" in sys.modules or "pika" in sys.modules:
        return
    missing = ModuleType(_ADAPTER)
    setattr(missing, _CLASS, None)
    sys.modules[_ADAPTER] = missing
    try:
        adapters = import_module("pika.adapters")
    finally:
        del sys.modules[_ADAPTER]
    delattr(adapters, _CLASS)
    vars(adapters)["__getattr__"] = _late  # PEP 562


def _late(name: str) -> object:
    if name != _CLASS:
        raise AttributeError(f"module 'pika.adapters' has no attribute {name!r}")
    return getattr(import_module(_ADAPTER), name)

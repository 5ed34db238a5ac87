"""``functools.cached_property`` without its lock.

Python 3.11's has one lock for all instances of a class, held while a value is made: the configuration of one queue
would wait for that of another, and a process that forks meanwhile leaves its child with a lock that nobody opens (3.12
has none). Without it two threads may both make a value that is not there yet; the later one stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)


class cached_property(Generic[T_co]):  # noqa: N801 - as the standard library calls it
    """Calls a method once for an instance and puts what it returns in its place."""

    def __init__(self, method: Callable[[Any], T_co]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T_co: ...
    def __get__(self, instance: object, owner: type | None = None) -> Self | T_co:
        if instance is None:
            return self
        value = self._method(instance)
        vars(instance)[self._name] = value  # found first from now on: this is no data descriptor
        return value

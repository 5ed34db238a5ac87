"""The smallest CFG that resolves some queues: what pilots are shipped with (``list --as-cfg``, ``DIRAC_MQ_CFG``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from diracmq_cli.config.sections import effective, parts_of
from diracmq_cli.core.model import ExchangeSpec, MessagingModel, QueueSpec

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration

_Tree: TypeAlias = "dict[str, str | _Tree]"


def minimal_cfg(configuration: Configuration, model: MessagingModel, specs: Iterable[QueueSpec | ExchangeSpec]) -> str:
    """A CFG from which ``specs`` are read as they are now, but for the file that they come from, and for passwords.

    It also holds the queues where their dead letters go, and those whose dead letters end in them: a reader judges a
    dead letter by the way it came. A System's queues are written without instance (``/Systems/<System>/…``), so that
    they are found whatever setup the reader has.

    Args:
        configuration: what ``specs`` were read from.
        model: everything that was read from it.
        specs: what the CFG shall hold.
    """
    tree: _Tree = {}
    for spec in _with_dead_letters(list(specs), model):
        for section, name, option in effective(parts_of(configuration, spec)):
            if name != "Password":
                _section(tree, _place(section.path, spec))[name] = option.value
        _section(tree, _place(spec.source.section, spec))
    return "\n".join(_lines(tree)) + "\n"


def _with_dead_letters(
    specs: list[QueueSpec | ExchangeSpec], model: MessagingModel
) -> Iterator[QueueSpec | ExchangeSpec]:
    found = dict.fromkeys(spec.address for spec in specs)
    for queue in specs:
        if isinstance(queue, QueueSpec):
            found |= dict.fromkeys(near.address for near in (*_below(queue, model), *_above(queue, model)))
    entries = {spec.address: spec for spec in (*model.queues, *model.exchanges, *specs)}
    yield from (entries[address] for address in found)


def _below(queue: QueueSpec, model: MessagingModel) -> list[QueueSpec]:
    """Where its dead letters go, and from there."""
    found = [queue]
    for each in found:
        found += [
            other for other in model.queues if other.name == each.dead_letter_queue and _beside(each, other, found)
        ]
    return found[1:]


def _above(queue: QueueSpec, model: MessagingModel) -> list[QueueSpec]:
    """Whose dead letters come here."""
    found = [queue]
    for each in found:
        found += [
            other for other in model.queues if other.dead_letter_queue == each.name and _beside(each, other, found)
        ]
    return found[1:]


def _beside(queue: QueueSpec, other: QueueSpec, found: list[QueueSpec]) -> bool:
    same_place = (queue.address.service, queue.address.system) == (other.address.service, other.address.system)
    return same_place and other not in found


def _place(section: str, spec: QueueSpec | ExchangeSpec) -> str:
    """Where ``section`` is written: a System's without its instance."""
    if not spec.address.system:
        return section
    return f"/Systems/{spec.address.service}/MessageQueueing" + section.removeprefix(spec.service.source.section)


def _section(tree: _Tree, path: str) -> _Tree:
    for name in path.strip("/").split("/"):
        below = tree.setdefault(name, {})
        assert isinstance(below, dict)  # a path holds sections only
        tree = below
    return tree


def _lines(tree: Mapping[str, str | _Tree], indent: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, str):
            yield f"{indent}{name} = {value}"
        else:
            yield f"{indent}{name}"
            yield f"{indent}{{"
            yield from _lines(value, indent + "  ")
            yield f"{indent}}}"

"""Say where each setting of a queue or exchange comes from (``list --explain``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.config.sections import effective, parts_of
from diracmq_cli.core.model import ExchangeSpec, QueueSpec

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration

DEFAULT = "default"
UNUSED = "not an option that counts here"


@dataclass(frozen=True, slots=True)
class Setting:
    """One option by its full path, its value as written, and the file with its line, the server, or ``default``.

    ``remark`` is set where the option has no effect.
    """

    option: str
    value: str
    place: str
    remark: str | None = None


def explain(configuration: Configuration, spec: QueueSpec | ExchangeSpec) -> list[Setting]:
    """Every setting of ``spec``: what is written for it, what it has by default, and what is written in vain.

    A password is never shown.
    """
    parts = parts_of(configuration, spec)
    counting = list(effective(parts))
    written = [
        Setting(f"{section.path}/{name}", "********" if name == "Password" else option.value, option.place)
        for section, name, option in counting
    ]
    counted = {(section.path, name) for section, name, _ in counting}
    spelt = {name for part in parts for spellings in part.options for name in spellings}
    vain = [
        Setting(f"{part.section.path}/{name}", option.value, option.place, UNUSED)
        for part in parts[:1]
        for name, option in part.section.options.items()
        if (part.section.path, name) not in counted and name not in spelt
    ]
    return written + _defaults(spec, {name for _, name, _ in counting}) + vain


def _defaults(spec: QueueSpec | ExchangeSpec, written: set[str]) -> list[Setting]:
    own, above = spec.source.section, spec.service.source.section
    defaults = {
        f"{own}/Type": str(spec.type),
        f"{above}/VHost": spec.service.vhost,
        f"{above}/TLS": "yes" if spec.service.tls else "no",
        f"{above}/HostOrder": "shuffled",
        f"{above}/MQType": spec.service.mq_type,
    }
    if isinstance(spec, QueueSpec):
        defaults[f"{own}/Exchange"] = spec.exchange
    if not written & {"Port", "AMQPPort"}:
        defaults[f"{above}/Port"] = ", ".join(sorted({str(host.port) for host in spec.service.hosts}))
    others = {"VHost": "VH", "Exchange": "ExchangeName"}
    return [
        Setting(option, value, DEFAULT)
        for option, value in defaults.items()
        if not written & {name := option.rpartition("/")[2], others.get(name, name)}
    ]

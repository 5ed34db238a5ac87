"""Queues for one test: laid out and granted by the product's own code, removed afterwards."""

from __future__ import annotations

import itertools
from pathlib import Path

from support.broker import Broker

from diracmq_cli.admin.definitions import User, definitions
from diracmq_cli.admin.permissions import grants
from diracmq_cli.admin.topology import lay_out, on_broker
from diracmq_cli.config import LocalSources, load_configuration, read_messaging, read_registry
from diracmq_cli.devbroker import PEOPLE, Role
from diracmq_cli.devbroker.control import load_definitions

_RIGHTS = {
    "Publishers": "group:dirac_user, group:dirac_pilot",
    "Consumers": "group:dirac_user",
    "Watchers": "group:dirac_user",
}
_QUEUES = "/Resources/MQServices/dev/Queues"
_numbers = itertools.count(1)
_files: list[Path] = []
"""The CFG files of all queues that are there now: rights are set as a whole."""


class QueueFactory:
    """Call it for a queue: ``make_queue(type="quorum", DeliveryLimit=3) -> (name, cfg)``.

    Options are the CS's own, ``None`` leaves one out; user may publish, consume and watch, pilot may publish. ``cfg``
    is the value for ``--cfg`` (beside the devbroker's own CFG) and knows every queue that this factory has made.
    """

    def __init__(self, broker: Broker, directory: Path) -> None:
        self._broker = broker
        self._directory = directory
        self._sections: list[str] = []
        self._names: list[str] = []
        broker.after_start.append(self.apply)

    def __call__(
        self,
        type: str = "classic",  # noqa: A002 - as the option is called
        name: str | None = None,
        **options: str | int | None,
    ) -> tuple[str, Path]:
        name = name or f"test-{next(_numbers)}.{type}"
        lines = {"Type": type, **_RIGHTS, **options}
        body = "\n".join(f"{option} = {value}" for option, value in lines.items() if value is not None)
        self._names.append(name)
        self._sections.append(f"{name}\n{{\n{body}\n}}")
        cfg = self._directory / f"queues-{len(self._names)}.cfg"
        cfg.write_text(_nest(_QUEUES.strip("/"), "\n".join(self._sections)))
        _files.append(cfg)
        self.apply()
        return name, cfg

    def from_file(self, cfg: Path) -> Path:
        """Make the queues of a CFG that is there already; they are removed as the others are."""
        mine = self._directory / cfg.name
        mine.write_text(cfg.read_text())
        _files.append(mine)
        section = load_configuration(LocalSources(cfg_files=(str(cfg),), environment={})).tree.at(_QUEUES)
        assert section is not None, f"no queues in {cfg}"
        self._names += section.sections
        self.apply()
        return mine

    def apply(self) -> None:
        """Put every queue and right on the broker."""
        _import(self._broker, [self._broker.layout.cfg, *_files])

    def remove(self) -> None:
        """Delete the queues and their exchanges."""
        self._broker.after_start.remove(self.apply)
        mine = [file for file in _files if file.parent == self._directory]
        for file in mine:
            _files.remove(file)
        if not self._broker.pid:
            return
        with self._broker.channel("operator") as channel:
            for name in self._names:
                channel.queue_delete(name)
                channel.exchange_delete(f"{name}.x")
                channel.exchange_delete(f"{name}.tap")


def _nest(path: str, body: str) -> str:
    for section in reversed(path.split("/")):
        body = f"{section}\n{{\n{body}\n}}"
    return body + "\n"


def _import(broker: Broker, files: list[Path]) -> None:
    sources = LocalSources(cfg_files=tuple(map(str, files)), environment={"DIRAC_ROOT_PATH": str(broker.directory)})
    configuration = load_configuration(sources)
    model = read_messaging(configuration)
    for _, error in model.refused:
        raise error
    model = on_broker(model, next(service for service in model.services if service.name == "dev"))
    operator = PEOPLE[Role.OPERATOR].dn
    given = [grant for grant in grants(model, read_registry(configuration)) if grant.user != operator]
    users = [User(name) for name in sorted({grant.user for grant in given})]
    load_definitions(broker.node, broker.state, definitions(lay_out(model), users, given))

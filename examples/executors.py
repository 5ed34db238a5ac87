"""Three stages that a job passes before it waits for a pilot, each a consumer with a queue of its own.

They are named ``Module = executors:JobSanity`` in the CS (``examples/usecases.cfg``); this directory is on PYTHONPATH.
"""

from __future__ import annotations

import json

from diracmq_cli.consumer import ConsumerModule, Job, Reject

REPLICAS = {"/lhcb/data/1.raw": ["CERN-DISK"], "/lhcb/data/2.raw": ["GRIDKA-DISK"]}
"""Here the file catalogue would be asked."""


class Stage(ConsumerModule):
    """Adds what this stage knows, and hands the job on to the queue that its option ``Next`` names."""

    def initialize(self) -> None:
        """Read the option."""
        self.next = self.option("Next", "")

    def execute(self, message: Job) -> None:
        """Forward the job before it is acknowledged; should it come again, it is forwarded under the same id."""
        job = json.loads(message.text)
        message.forward(self.next, json.dumps(job | self.found(job)))

    def found(self, job: dict[str, object]) -> dict[str, object]:
        """What this stage adds."""
        raise NotImplementedError


class JobSanity(Stage):
    """Refuses what cannot run."""

    def found(self, job: dict[str, object]) -> dict[str, object]:
        """Nothing to add."""
        if not job.get("executable"):
            raise Reject("it has no executable")
        return {}


class InputData(Stage):
    """Looks where the input is."""

    def found(self, job: dict[str, object]) -> dict[str, object]:
        """The storage elements of its input."""
        lfn = job.get("input")
        if lfn is None:
            return {"storage": []}
        if lfn not in REPLICAS:
            raise Reject(f"no replica of {lfn}")
        return {"storage": REPLICAS[str(lfn)]}


class JobScheduling(Stage):
    """Chooses sites."""

    def found(self, job: dict[str, object]) -> dict[str, object]:
        """Sites that are near the input."""
        storage = job["storage"]
        assert isinstance(storage, list)
        return {"sites": [f"LCG.{element.split('-')[0]}" for element in storage] or ["ANY"]}

"""What pilots write: read from messages, kept in one file each, owned by whoever used the pilot's id first."""

from diracmq_cli.usecases.pilots.message import NoPilot, PilotMessage, read_message
from diracmq_cli.usecases.pilots.store import Bounds, PilotStore

__all__ = ["Bounds", "NoPilot", "PilotMessage", "PilotStore", "read_message"]

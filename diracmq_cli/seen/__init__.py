"""Which signed messages were taken from a queue, remembered on disk."""

from diracmq_cli.seen.place import locate
from diracmq_cli.seen.store import SeenStore

__all__ = ["SeenStore", "locate"]

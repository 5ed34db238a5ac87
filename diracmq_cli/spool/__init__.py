"""Messages kept on disk until a broker confirms them."""

from diracmq_cli.spool.budget import DEFAULT_LIMIT
from diracmq_cli.spool.directory import Directory, Purpose, translated
from diracmq_cli.spool.place import locate
from diracmq_cli.spool.store import Spool

__all__ = ["DEFAULT_LIMIT", "Directory", "Purpose", "Spool", "locate", "translated"]

"""Where outgoing messages come from: an argument, files, lines of standard input, envelopes.

What reads envelopes brings JSON and its codec, and is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from diracmq_cli.input.descriptor import Descriptor, open_file, standard_input
from diracmq_cli.input.files import FilesSource
from diracmq_cli.input.lines import LineSource
from diracmq_cli.input.text import TextSource
from diracmq_cli.input.whole import WholeSource

if TYPE_CHECKING:
    from diracmq_cli.input.envelopes import EnvelopeSource
    from diracmq_cli.input.saved import Saved, SavedEnvelopes

__all__ = [
    "Descriptor",
    "EnvelopeSource",
    "FilesSource",
    "LineSource",
    "Saved",
    "SavedEnvelopes",
    "TextSource",
    "WholeSource",
    "open_file",
    "standard_input",
]

_LATE = {"EnvelopeSource": "envelopes", "Saved": "saved", "SavedEnvelopes": "saved"}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)

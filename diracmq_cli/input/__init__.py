"""Where outgoing messages come from: an argument, files, lines of standard input, envelopes.

Each is imported when it is asked for: what cuts input into records is nothing to a message of the command line, and
what reads envelopes brings JSON and its codec.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.input.descriptor import Descriptor, open_file, standard_input
    from diracmq_cli.input.envelopes import EnvelopeSource
    from diracmq_cli.input.files import FilesSource
    from diracmq_cli.input.lines import LineSource
    from diracmq_cli.input.saved import Saved, SavedEnvelopes
    from diracmq_cli.input.text import TextSource
    from diracmq_cli.input.whole import WholeSource

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

_HOMES = {
    "Descriptor": "descriptor",
    "EnvelopeSource": "envelopes",
    "FilesSource": "files",
    "LineSource": "lines",
    "Saved": "saved",
    "SavedEnvelopes": "saved",
    "TextSource": "text",
    "WholeSource": "whole",
    "open_file": "descriptor",
    "standard_input": "descriptor",
}
"""Where each name lives."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

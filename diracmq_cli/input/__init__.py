"""Where outgoing messages come from: an argument, files, lines of standard input, envelopes."""

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

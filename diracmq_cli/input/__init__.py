"""Where outgoing messages come from: an argument, files, lines of standard input, envelopes."""

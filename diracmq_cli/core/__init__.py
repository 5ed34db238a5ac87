"""Pure heart of the suite: messages, addresses, the queue model, verdicts, codecs, ports. No I/O, no clock."""

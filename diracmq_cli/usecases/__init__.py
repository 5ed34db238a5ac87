"""The use cases of DIRAC's RFC as modules that ship: pilot logs, commands, batches for monitoring."""

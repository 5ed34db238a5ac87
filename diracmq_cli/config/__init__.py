"""The Configuration Service as files give it: DIRAC's CFGs merged in DIRAC's order, read into the typed model."""

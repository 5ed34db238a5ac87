"""The version, in one place for Python; `pyproject.toml` is checked against it by a test."""

__version__ = "0.1.0"

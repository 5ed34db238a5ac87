"""The composition root: builds adapters from flags and configuration and hands them to the operations."""

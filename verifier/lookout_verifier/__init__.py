"""The independent check of what Lookout promises about forgetting. Standard library and cryptography only."""

__version__ = "0.1.0"

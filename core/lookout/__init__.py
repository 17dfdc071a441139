"""Lookout's core: what two services or more need, and nothing else."""

__version__ = "0.1.0"

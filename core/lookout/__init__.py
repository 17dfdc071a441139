"""Lookout's core: what two services or more need, and nothing else."""

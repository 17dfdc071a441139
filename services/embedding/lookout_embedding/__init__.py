"""Embedding: sealed chips in, sealed templates out."""

"""Qdrant's local mode: a gallery in this process's memory, in pure Python, for small watchlists and tests."""

from qdrant_client import QdrantClient

from lookout_matching.adapters.qdrant import QdrantGallery


def local_gallery() -> QdrantGallery:
    """An empty gallery in memory; nothing of it is ever written to a disk."""
    return QdrantGallery(client=QdrantClient(":memory:"), search=None)

"""Galleries: Qdrant in this process (local, edge) and as a server."""

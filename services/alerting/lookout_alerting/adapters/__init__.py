"""Clients of the outside."""

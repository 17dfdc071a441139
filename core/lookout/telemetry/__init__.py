"""Metrics, logs, health and status."""

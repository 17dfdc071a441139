"""Capture: cameras in, the newest frames sealed, out."""

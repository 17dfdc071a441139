"""What ``lookout verify`` gathers, sabotages and prints. The verification itself is `lookout_verifier`."""

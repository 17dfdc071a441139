"""What may leave the house when somebody else is asked for help."""

"""Detection: sealed frames in, the best shots of tracked faces out."""

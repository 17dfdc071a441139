"""The keeper: receipts of everything forgotten, drained, chained and signed."""

"""One module per command group. They speak to people; the work is done elsewhere."""

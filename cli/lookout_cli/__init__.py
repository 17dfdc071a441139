"""The lookout command."""

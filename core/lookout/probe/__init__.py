"""`python -m lookout.probe`: whether the service in this container is live, for a health check that needs no shell and no curl."""

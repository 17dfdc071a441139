"""The console over HTTP: pages, the stream that keeps them live, and the API."""

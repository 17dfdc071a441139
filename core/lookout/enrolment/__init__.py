"""From pictures to watchlist entries: what a picture must reach, whom it looks like, and the sealed template."""

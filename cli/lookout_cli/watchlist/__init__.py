"""Enrolment: from a folder or a table of pictures to sealed, signed watchlist entries."""

"""What people do with Lookout: authority, watchlist, alerts, decisions, and the public record."""

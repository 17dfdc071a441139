"""The console's store: SQLite by default, PostgreSQL in production; people and pictures only sealed, every change with its audit entry."""

"""The history of the tables, in Alembic's form: a revision that was released never changes."""

"""The case store: SQLite through SQLAlchemy. No session object leaves this room."""

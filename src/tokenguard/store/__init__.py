"""The token store: the tables and every query, on SQLite or PostgreSQL. No HTTP, no printing.

SQLAlchemy is imported by the modules in here, never by the package itself.
"""

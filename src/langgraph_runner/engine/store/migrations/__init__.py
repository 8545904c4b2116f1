"""Alembic's folder: `env.py`, and the numbered migrations in `versions`."""

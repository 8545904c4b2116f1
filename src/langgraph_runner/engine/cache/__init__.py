"""The step cache: a hot tier, in the process or in Redis, over the database.

Which results may be served, and under which key, is decided in `run/`.
"""

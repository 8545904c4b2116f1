"""The step cache: a hot tier in the process or in Redis, above the database.

`run/` decides which results may be served, and under which key.
"""

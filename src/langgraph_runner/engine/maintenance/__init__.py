"""Keeping the database small: archives of ended runs, and deleting files that no run uses.

`engine.prune()` itself is a command of the store, in `store/`.
"""

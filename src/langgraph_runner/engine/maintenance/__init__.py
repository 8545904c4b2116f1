"""Keeping the database small: archives of ended runs, and deleting files that no run uses.

`RunEngine.prune()` itself is a command, in `store/commands/`.
"""

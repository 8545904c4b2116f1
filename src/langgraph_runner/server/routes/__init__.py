"""The routes: runs, workflows, operation, and the files of the dashboard.

`service.py` has what all routes share: the engine, and the authenticated request that each route gets.
"""

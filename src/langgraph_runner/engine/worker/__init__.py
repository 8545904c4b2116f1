"""What one process does for many runs: claiming them, keeping their leases, finding orphaned ones.

Executing one run is in `run/`. Queues that notify a process of waiting runs are in `dispatch/`.
"""

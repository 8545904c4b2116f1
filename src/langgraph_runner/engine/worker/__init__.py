"""What one process does for many runs: taking them on, keeping their leases, finding those left behind.

One run is in `run/`. How a process learns at once that a run waits is in `dispatch/`.
"""

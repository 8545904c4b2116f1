"""One durable run, from its claim to its end: deciding what runs next, running steps, committing their results.

`worker/` decides which runs a process claims, and keeps their leases. `rebuild/` decides what an update reuses from
another run.
"""

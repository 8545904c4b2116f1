"""One durable run, from its claim to its end: what runs next, running a step, committing what became of it.

Which runs a process takes, and their leases, is in `worker/`; what an update takes over of another run is in
`rebuild/`.
"""

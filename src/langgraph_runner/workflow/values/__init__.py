"""The values of a workflow: inputs and outputs as JSON and back, and why a value is refused.

Large values are handled in pieces, away from the event loop. How a value is hashed is in `hashing/`.
"""

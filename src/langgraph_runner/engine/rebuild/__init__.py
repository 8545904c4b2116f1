"""Runs that reuse another run: updates by a change request, retries, and the plan of what they would do.

Running them is no different from any other run and is in `run/`.
"""

"""Runs that reuse steps of another run: updates by a change request, retries, and the preview of an update.

They are executed in `run/`, like all other runs.
"""

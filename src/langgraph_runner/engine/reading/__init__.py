"""Reading runs: steps, outputs, artifacts, lists of runs, and which workers are there.

Nothing here changes a run.
"""

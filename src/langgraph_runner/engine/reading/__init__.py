"""Reading runs: their steps, outputs and artifacts, lists of runs, and the workers.

Nothing here changes a run. The statements are in `store/queries/`.
"""

"""The parts of a workflow as the user writes them: their data classes, checks, parameters and code fingerprints.

`blueprint.py`, one level up, puts the parts together. How a step is called is in `steps.py` and `calling.py`.
"""

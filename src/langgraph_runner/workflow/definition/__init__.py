"""How a workflow is written and checked: as data or with decorators, into a `Blueprint` that can run.

Everything that happens before the first run lives here. What a run does with a blueprint is in the modules above.
"""

"""The values of a workflow: how inputs and outputs become JSON and come back, and why a value is refused.

`input_type` and `output_type` are the entries. How a value is hashed is in `hashing/`.
"""

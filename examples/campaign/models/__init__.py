"""The inputs and outputs of the steps."""

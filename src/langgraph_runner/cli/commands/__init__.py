"""The commands: each function reads its options, calls the engine or the service, and prints the answer.

The names of the functions and their docstrings are the names and the help of the commands.
Shared options are in `arguments/`, tables and displays in `render/`.
"""

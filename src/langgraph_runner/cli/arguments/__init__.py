"""What a command line contains: shared options, values and files, names of runs and steps, the app, completion.

Printing is in `render/`; the commands are in `commands/`.
"""

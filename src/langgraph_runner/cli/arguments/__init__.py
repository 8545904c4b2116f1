"""What a command line holds, read: shared options, values, files, names of runs and steps, the app.

Nothing here prints a result; that is `render/`.
"""

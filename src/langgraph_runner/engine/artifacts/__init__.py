"""Files that steps save: where they are kept, in a folder or in any storage that fsspec knows.

`store.py` has the protocol, `files.py` what the engine does with any store: names, hashes, ownership. Deleting files
that no run uses is in `maintenance/`.
"""

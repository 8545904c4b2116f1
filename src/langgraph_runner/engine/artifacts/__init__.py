"""Files that steps save, kept in a folder or in any storage that fsspec supports.

`store.py` has the protocol; `files.py` adds names, hashes and ownership to any store. Deleting files that no run uses
is in `maintenance/`.
"""

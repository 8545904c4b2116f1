"""`JsonFileSaver`, a LangGraph checkpointer whose files a person can read.

Imports go down this list only:

    saver       the `BaseCheckpointSaver`
    threaded    its async methods, in threads
    store       which files an operation reads, replaces and removes, under the lock
    newest      the newest checkpoint of a namespace, without listing its folder
    head        the file that a person opens
    documents   a checkpoint, or the writes of a task, as bytes with format, version and checksum
    layout      where each file is, and how ids become file names
    encoding    a value as JSON that loses nothing
    lock        one writer at a time, in all threads and processes
    files       reading safely, replacing atomically
    errors      the exceptions
"""

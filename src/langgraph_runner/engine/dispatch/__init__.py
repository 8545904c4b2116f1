"""Telling workers at once that a run waits: the `Dispatcher` protocol and BullMQ.

A dispatcher may lose messages and repeat them; which run a worker gets is decided by the database, in `worker/`.
"""

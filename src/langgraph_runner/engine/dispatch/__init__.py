"""Queues that notify workers of waiting runs: the `Dispatcher` protocol and BullMQ.

A dispatcher may lose and repeat messages. Which run a worker claims is decided in the database, by `store/commands/`.
"""

"""Who sends a request and what they may do: API keys, tokens, roles, rate limits, and the audit log.

Knows nothing of routes: they are in `routes/`. Refusals are in `problems.py`.
"""

"""HTTP itself: connections, middleware, queries, JSON responses, event streams, the OpenAPI document.

Knows nothing of callers, and of runs only what an event stream sends. Routes are in `routes/`.
"""

"""The policies of a node, each with its options: retry, circuit breaker, bulkhead, rate limit, fallback.

`policy.py` has the protocol `Policy` and how policies are composed. The order is in `node/pipeline.py`; timeouts are
limits of the call, in `node/attempt.py`; what LangGraph needs of a node is in `node/langgraph/`.
"""

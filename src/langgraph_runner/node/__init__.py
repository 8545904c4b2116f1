"""One resilient node: `create_node()` and what goes in and out of it."""

from langgraph_runner.node.abort import AbortController, AbortSignal
from langgraph_runner.node.breaker import CircuitState, CircuitTransition, NodeCircuitBreaker
from langgraph_runner.node.config import CircuitBreakerConfig, RetryConfig
from langgraph_runner.node.context import NodeContext, add_node_context, get_node_context
from langgraph_runner.node.factory import create_node
from langgraph_runner.node.nodes import AsyncNode, RunnableNode, SyncNode
from langgraph_runner.node.outcome import Failure, Outcome, Success
from langgraph_runner.node.retry import RetryAttempt
from langgraph_runner.node.runner_config import runner_config
from langgraph_runner.node.runtime import AsyncRuntime, BlockingRuntime, Runtime
from langgraph_runner.node.threads import abandoned_threads

__all__ = [
    "AbortController",
    "AbortSignal",
    "AsyncNode",
    "AsyncRuntime",
    "BlockingRuntime",
    "CircuitBreakerConfig",
    "CircuitState",
    "CircuitTransition",
    "Failure",
    "NodeCircuitBreaker",
    "NodeContext",
    "Outcome",
    "RetryAttempt",
    "RetryConfig",
    "RunnableNode",
    "Runtime",
    "Success",
    "SyncNode",
    "abandoned_threads",
    "add_node_context",
    "create_node",
    "get_node_context",
    "runner_config",
]

"""NodeConfig: the options of nodes as a value."""

import pytest
from pydantic import ValidationError

from langgraph_runner import NodeCircuitBreaker, NodeConfig, NodeMetricsCollector, RetryConfig, create_node
from langgraph_runner.node.factory import NodeOptions
from langgraph_runner.testing import Flaky


@pytest.mark.req("N-31")
def test_it_has_every_option_of_create_node():
    """A new option there needs a field here."""
    assert {*NodeConfig.model_fields, "config"} == set(NodeOptions.__annotations__)


@pytest.mark.req("N-31")
def test_a_node_does_what_its_config_says(mode, fake):
    """Each field has the effect of the keyword."""
    flaky = Flaky(ConnectionError, {"x": 1})
    collector = NodeMetricsCollector()
    config = NodeConfig(name="n", retry={"max_attempts": 2}, metrics_collector=collector, runtime=fake)
    node = create_node(flaky.awaited if mode.is_async else flaky.sync, config=config)
    assert mode.call(node, {}) == {"x": 1}
    assert (collector.get_node_metrics("n").retry_count, fake.sleeps) == (1, [1.0])


@pytest.mark.req("N-31")
@pytest.mark.parametrize(("keywords", "calls"), [({}, 3), ({"retry": 2}, 2), ({"retry": None}, 1)])
def test_a_keyword_wins(mode, fake, keywords, calls):
    """Also None, which disables what the config enables."""
    flaky = Flaky(ConnectionError)
    function = flaky.awaited if mode.is_async else flaky.sync
    mode.call(create_node(function, config=NodeConfig(retry=3, runtime=fake), **keywords), {})
    assert flaky.calls == calls


@pytest.mark.req("N-31")
def test_only_what_was_given_counts():
    """Default values of the config do not count as given."""
    assert NodeConfig(retry=3).options() == {"retry": RetryConfig(max_attempts=3)}
    assert NodeConfig(retry=None).model_copy(update={"name": "n"}).options() == {"name": "n", "retry": None}


@pytest.mark.req("N-31")
def test_each_node_gets_a_breaker_of_its_own_unless_one_is_shared():
    """A breaker config creates one for each node; a breaker object is shared."""
    shared = NodeCircuitBreaker()
    for given, count in (({"failure_threshold": 1}, 2), (shared, 1)):
        config = NodeConfig(circuit_breaker=given)
        nodes = [create_node(lambda state: {}, config=config) for _ in range(2)]
        assert len({id(node.circuit_breaker) for node in nodes}) == count


@pytest.mark.req("N-31")
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"retries": 3}, TypeError, "retries: NodeConfig has no such option. Did you mean 'retry'"),
        ({"retry": "3"}, TypeError, "retry must be a RetryConfig"),
        ({"timeout_ms": 0}, ValueError, "timeout_ms must be above 0 and at most 31622400000 ms, got 0"),
        ({"name": ""}, ValueError, "name must be a non-empty string, got ''"),
        ({"on_timeout": lambda a, b: None}, TypeError, "on_timeout must .* needs the argument 'b'"),
        ({"circuit_breaker": 5}, TypeError, "circuit_breaker must be a CircuitBreakerConfig"),
        ({"fallback": 5}, TypeError, "fallback must be a function"),
        (
            {"metrics_collector": NodeMetricsCollector},
            TypeError,
            "must be an instance, got the class NodeMetricsCollector",
        ),
        ({"spans": 5}, TypeError, "spans must be a NodeSpans"),
        (
            {"on_error": "ignore"},
            ValueError,
            "on_error must be one of 'capture', 'record', 'stop', 'raise', got 'ignore'",
        ),
        ({"on_drain": "ignore"}, ValueError, "on_drain must be one of 'stop', 'finish', got 'ignore'"),
        ({"log_level": "LOUD"}, ValueError, "log_level must be one of DEBUG, INFO"),
        ({"sanitizer": 5}, TypeError, "sanitizer must be a Sanitizer"),
        ({"runtime": 5}, TypeError, "runtime must be a testing.FakeRuntime"),
    ],
)
def test_options_are_checked_when_the_config_is_made(options, kind, message):
    """Not when the first node is created."""
    with pytest.raises(kind, match=message):
        NodeConfig(**options)


@pytest.mark.req("N-31")
def test_it_is_frozen():
    """So it can be shared."""
    with pytest.raises(ValidationError, match="frozen"):
        NodeConfig(retry=3).retry = 4


@pytest.mark.req("N-31")
def test_another_kind_of_config_is_refused():
    """Such as the options as a dict."""
    with pytest.raises(TypeError, match=r"config must be a NodeConfig, got \{'retry': 3\}"):
        create_node(lambda state: {}, config={"retry": 3})

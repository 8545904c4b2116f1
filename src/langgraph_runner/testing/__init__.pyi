from langgraph_runner.testing.artifact_conformance import ArtifactStoreSuite as ArtifactStoreSuite
from langgraph_runner.testing.bare_context import node_context as node_context
from langgraph_runner.testing.conformance import DispatcherSuite as DispatcherSuite
from langgraph_runner.testing.conformance import HotTierSuite as HotTierSuite
from langgraph_runner.testing.fake_runtime import FakeRuntime as FakeRuntime
from langgraph_runner.testing.flaky import Flaky as Flaky
from langgraph_runner.testing.manual_clock import ManualClock as ManualClock
from langgraph_runner.testing.store_suite import StoreSuite as StoreSuite

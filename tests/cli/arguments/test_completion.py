"""Shell completion."""

import pytest

pytestmark = pytest.mark.req("R-54")


def offered(cli, words, **environment):
    """Return what a shell offers."""
    count = str(len(words.split(" ")) - 1)
    completion = {"_LANGGRAPH_RUNNER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    return cli(env={**completion, **environment}).out.split()


def test_a_shell_completes_runs_steps_and_workflows(cli):
    """Completion reads the database and the app. After an error it offers nothing."""
    run = cli.run()["id"]
    assert offered(cli, "langgraph-runner status ") == ["last", run]
    assert offered(cli, f"langgraph-runner status {run[:8]}") == [run]
    assert offered(cli, "langgraph-runner steps last m") == ["media"]
    assert offered(cli, "langgraph-runner run ") == ["shop.v1"]
    assert offered(cli, "langgraph-runner run ", LANGGRAPH_RUNNER_APP="nowhere:app") == []

"""The examples in deploy/: what they start is there, with these options."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from langgraph_runner.cli.app import app
from langgraph_runner.cli.environment import (
    APP_VARIABLE,
    CACHE_VARIABLE,
    DISPATCH_VARIABLE,
    STORE_VARIABLE,
)

pytestmark = pytest.mark.req("R-65")
DEPLOY = Path(__file__).parent.parent / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "docker-compose.workers.yml").read_text())["services"]
PODS = {
    item["metadata"]["name"]: item["spec"]["template"]["spec"]
    for item in yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text())["items"]
    if item["kind"] in {"Deployment", "Job"}
}
OURS = {name: each for name, each in COMPOSE.items() if name not in {"postgres", "redis"}}
COMMANDS = {
    **{name: each["command"] for name, each in OURS.items()},
    **{name: pod["containers"][0]["args"] for name, pod in PODS.items()},
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_each_command_has_these_options(words):
    """An unknown one would be a usage error."""
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize("name", ["service", "worker"])
def test_each_process_is_told_of_database_queue_and_cache(name):
    """By the variables that the command line reads."""
    wanted = {APP_VARIABLE, CACHE_VARIABLE, DISPATCH_VARIABLE, STORE_VARIABLE}
    assert wanted <= COMPOSE[name]["environment"].keys()
    container = PODS[f"langgraph-runner-{name}"]["containers"][0]
    assert wanted <= {each["name"] for each in container["env"]}


def test_workers_have_longer_than_their_grace():
    """Else their runs are cut off instead of handed back."""
    pod = PODS["langgraph-runner-worker"]
    grace = [
        int(words[words.index("--grace") + 1].removesuffix("s"))
        for words in (COMPOSE["worker"]["command"], pod["containers"][0]["args"])
    ]
    ends = [
        int(COMPOSE["worker"]["stop_grace_period"].removesuffix("s")),
        pod["terminationGracePeriodSeconds"],
    ]
    assert all(end > seconds for seconds, end in zip(grace, ends, strict=True))


def test_redis_keeps_what_bullmq_needs():
    """It forgets no job for want of memory."""
    words = COMPOSE["redis"]["command"]
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())
def test_pods_have_no_more_rights_than_they_need(pod):
    """The restricted profile of Kubernetes, and a file system that cannot be written."""
    rights = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (False, True)
    assert rights["capabilities"] == {"drop": ["ALL"]}

"""The examples in deploy/: their commands, options and variables exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from langgraph_runner.cli.app import app
from langgraph_runner.cli.environment import (
    APP_VARIABLE,
    ARTIFACTS_VARIABLE,
    CACHE_VARIABLE,
    DISPATCH_VARIABLE,
    STORE_VARIABLE,
)

pytestmark = pytest.mark.req("R-65")
HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
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
    """An unknown option would be a usage error."""
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize("name", ["service", "worker"])
def test_each_process_gets_database_queue_cache_and_files(name):
    """In the variables that the command line reads."""
    wanted = {APP_VARIABLE, ARTIFACTS_VARIABLE, CACHE_VARIABLE, DISPATCH_VARIABLE, STORE_VARIABLE}
    assert wanted <= COMPOSE[name]["environment"].keys()
    container = PODS[f"langgraph-runner-{name}"]["containers"][0]
    assert wanted <= {each["name"] for each in container["env"]}


@pytest.mark.parametrize("name", ["service", "worker"])
def test_files_of_steps_are_on_the_shared_volume(name):
    """Otherwise the service could not read what a worker has saved."""
    container = PODS[f"langgraph-runner-{name}"]["containers"][0]
    (folder,) = (each["value"] for each in container["env"] if each["name"] == ARTIFACTS_VARIABLE)
    (mount,) = (each for each in container["volumeMounts"] if each["name"] == "files")
    assert folder.startswith(f"{mount['mountPath']}/")
    default = COMPOSE[name]["environment"][ARTIFACTS_VARIABLE]
    (volume,) = COMPOSE[name]["volumes"]
    assert default == f"${{{ARTIFACTS_VARIABLE}:-{volume.partition(':')[2]}/artifacts}}"


def test_the_image_has_every_library_that_the_examples_use():
    """The addresses in the examples need the extras bullmq, fsspec and postgresql, and s3fs."""
    text = (DEPLOY / "Dockerfile").read_text()
    (extras,) = re.findall(r"'\.\[([a-z,]+)\]'", text)
    assert {"bullmq", "cli", "fsspec", "postgresql", "server"} <= {*extras.split(",")}
    (fsspec,) = re.findall(r"^fsspec==(.+)$", (DEPLOY.parent / "constraints.txt").read_text(), re.MULTILINE)
    assert f"ARG STORAGE=s3fs=={fsspec}\n" in text  # s3fs needs exactly this fsspec.


def test_the_image_can_be_tried_with_its_own_commands():
    """`tools/image.sh` reads CMD and HEALTHCHECK from these lines. The check asks the port of the service."""
    text = (DEPLOY / "Dockerfile").read_text()
    (serve,) = re.findall(r"^CMD (.*)$", text, re.MULTILINE)
    (health,) = re.findall(r"^    CMD (.*)$", text, re.MULTILINE)
    words = json.loads(serve)
    assert f":{words[words.index('--port') + 1]}/readyz" in json.loads(health)[-1]
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


def test_workers_get_more_time_to_end_than_their_grace():
    """Otherwise their runs are cut off instead of handed back."""
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


def test_redis_evicts_no_keys():
    """A full Redis must not delete the jobs of BullMQ."""
    words = COMPOSE["redis"]["command"]
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())
def test_pods_have_no_more_rights_than_they_need(pod):
    """They fit the restricted profile of Kubernetes, and cannot write to the root file system."""
    rights = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (False, True)
    assert rights["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed: make .venv/.dev")
def test_hadolint_finds_nothing_in_the_dockerfile():
    """No rule is ignored."""
    done = subprocess.run(  # noqa: S603 - a tool of the development environment
        [HADOLINT, DEPLOY / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")

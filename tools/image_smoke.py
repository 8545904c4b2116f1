"""Tries the image from inside a container: `python - SERVE HEALTH < tools/image_smoke.py`.

The arguments are the JSON lists of the Dockerfile's CMD and of its HEALTHCHECK.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

_POLLS, _PAUSE_S = 120, 0.5
_STORE = "sqlite:////data/runs.db"
_APP = "examples.campaign.workflow:campaign"


def main(serve: str, health: str) -> None:
    """Start the service as the image does, wait until it is healthy, and run a workflow beside it."""
    if os.getuid() == 0:
        sys.exit("The image runs as root.")
    service = subprocess.Popen(["langgraph-runner", *json.loads(serve)])
    try:
        for _ in range(_POLLS):
            if subprocess.run(json.loads(health), stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
            time.sleep(_PAUSE_S)
        else:
            sys.exit("The service was not healthy within a minute.")
        brief = Path("examples/campaign/brief.json").read_text()
        command = ["run", "campaign.build.v1", "--app", _APP, "--store", _STORE, "--input", brief]
        subprocess.run(["langgraph-runner", *command], check=True)
    finally:
        service.terminate()
    if service.wait(timeout=60) != 0:
        sys.exit(f"The service ended with the exit status {service.returncode}.")
    print("The image serves, is healthy, runs a workflow, and stops.")


if __name__ == "__main__":
    main(*sys.argv[1:])

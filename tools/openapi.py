"""Write `docs/openapi.json`: what the service says of itself. `--check` fails if the file is not up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from langgraph_runner.engine import RunEngine
from langgraph_runner.server import create_app

TARGET = Path(__file__).parent.parent / "docs" / "openapi.json"


def main() -> int:
    """Write the file, or check it."""
    engine = RunEngine(store="sqlite://")
    document = json.dumps(create_app(engine).openapi(), indent=1, sort_keys=True) + "\n"
    engine.store.close()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(document)
    elif not TARGET.exists() or TARGET.read_text() != document:
        print(f"{TARGET.name} is not up to date: run make openapi", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

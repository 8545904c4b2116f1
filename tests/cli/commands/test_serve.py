"""The parts of `serve` that need no running server; tests/server has the others."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.req("R-54", "R-57")


def test_dev_is_for_this_machine_only(cli):
    """It is refused before the app is loaded."""
    refused = cli("serve", "--app", "x:y", "--dev", "--host", "0.0.0.0")  # noqa: S104 - refused
    assert (refused.code, "--host must be a loopback address with --dev" in refused.err) == (2, True)


def test_a_missing_extra_is_named(cli):
    """The message says what to install. The test uses a new process, in which no module is imported yet."""
    code = "import sys; sys.modules['fastapi'] = None; from langgraph_runner.cli import main; main()"
    refused = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", code, "serve", "--app", "x:y"],
        cwd=cli.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 8
    assert "pip install 'langgraph-runner[cli,server]'" in refused.stderr


@pytest.mark.parametrize("options", [["--dev"], []])
def test_serve_prints_its_address(cli, monkeypatch, options):
    """It also prints how to create a key, unless no key is needed."""
    from langgraph_runner.server import serving

    async def serve(engine, *, host, port, on_listening, **_options):
        on_listening(f"http://{host}:{port}")

    monkeypatch.setattr(serving, "serve_app", serve)
    (cli.folder / "shop.py").write_text(
        "from langgraph_runner import Workflow\nshop = Workflow('shop.v1')\n"
        "@shop.step\ndef price(inputs) -> int:\n    return 1\n"
    )
    printed = cli("serve", "--app", "shop:shop", "--port", "8001", *options).out.splitlines()
    assert printed[0] == "Serving at http://127.0.0.1:8001"
    assert ("No API key is needed" in printed[1]) == bool(options)
    assert ("keys create" in printed[1]) != bool(options)

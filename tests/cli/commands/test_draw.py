"""`graph` and `timeline`."""

import pytest

from tests.cli.svg import parsed

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize("options", [[], ["--run", "last"]])
def test_graph_draws_a_workflow_in_each_format(cli, options):
    """`graph` writes each format to stdout or to a file."""
    cli.run("--set", "fails=true")
    assert parsed(cli("graph", "shop.v1", "--format", "svg", *options).out) is not None
    assert cli("graph", "shop.v1", "--format", "mermaid", *options).out.startswith("flowchart LR\n")
    done = cli("graph", "shop.v1", "--out", "graph.txt", *options)
    assert (done.code, done.out) == (0, "Wrote graph.txt.\n")
    assert (cli.folder / "graph.txt").read_text() == cli("graph", "shop.v1", *options).out


def test_graph_marks_the_steps_of_a_run(cli):
    """Each mark stands for a status."""
    cli.run("--set", "fails=true")
    assert cli("graph", "shop.v1", "--run", "last").out.splitlines() == [
        "✓    theme  completed",
        "│ ✗  media  failed",
        "○─╯  bundle  blocked: a dependency failed",
    ]
    steps = cli("graph", "shop.v1", "--run", "last", "--json").json["steps"]
    assert [(each["id"], each["wave"], each["status"]) for each in steps] == [
        ("theme", 0, "completed"),
        ("media", 0, "failed"),
        ("bundle", 1, "skipped"),
    ]


@pytest.mark.parametrize("format_", ["ascii", "mermaid", "svg"])
def test_a_step_that_a_run_does_not_have_has_no_status(cli, format_):
    """It was added after the run was created. It looks as it does without a run, not pending."""
    (cli.folder / "grown.py").write_text(
        "from langgraph_runner.workflow import Workflow\nold, new = Workflow('grown'), Workflow('grown')\n"
        "@old.step\n@new.step\ndef a(inputs): ...\n@new.step\ndef b(a): ...\n"
    )
    cli("run", "grown", "--app", "grown:old")
    arguments = ("graph", "grown", "--run", "last", "--app", "grown:new")
    drawn = cli(*arguments, "--format", format_)
    assert (drawn.code, "completed" in drawn.out, "pending" in drawn.out) == (0, True, False)
    assert format_ != "ascii" or drawn.out == "✓  a  completed\n●  b\n"
    assert [each["status"] for each in cli(*arguments, "--json").json["steps"]] == ["completed", None]


def test_a_step_with_effects_is_marked_in_each_format(cli):
    """It is also marked in the list of workflows."""
    (cli.folder / "mails.py").write_text(
        "from langgraph_runner.workflow import Workflow\nmails = Workflow('mails')\n"
        "@mails.step\ndef text(inputs) -> str: return 'hello'\n"
        "@mails.step(effects=True)\ndef send(text): ...\n"
    )
    arguments = ("graph", "mails", "--app", "mails:mails")
    assert cli(*arguments).out.splitlines() == ["●  text", "●  send (effects)"]
    assert "send (effects)" in cli(*arguments, "--format", "mermaid").out
    assert "send (effects)" in "".join(parsed(cli(*arguments, "--format", "svg").out).itertext())
    assert [each["effects"] for each in cli(*arguments, "--json").json["steps"]] == [False, True]
    assert "send (effects)" in cli("workflows", "mails", "--app", "mails:mails").out


def test_graph_refuses_a_run_of_another_workflow(cli):
    """That run has other steps."""
    cli.run()
    (cli.folder / "two.py").write_text(
        "from shop import shop\nfrom langgraph_runner.workflow import Workflow\nw = Workflow('w')\n"
        "@w.step\ndef a(): ...\nx = [shop, w]\n"
    )
    done = cli("graph", "w", "--run", "last", "--app", "two:x")
    assert (done.code, "it is a run of shop.v1, not of w." in done.err) == (5, True)


def test_timeline_draws_a_run_in_each_format(cli):
    """`timeline` writes each format to stdout or to a file."""
    cli.run()
    lines = cli("timeline", "last").out.splitlines()
    assert lines[0].startswith("shop.v1 completed in ")
    assert lines[-1].startswith("Critical path, ")
    assert [line for line in lines[1:-1] if line.startswith("*") and "█" in line] != []
    assert cli("timeline", "last", "--json").json["workflow"] == "shop.v1"
    done = cli("timeline", "last", "--format", "svg", "--out", "t.svg")
    assert (done.code, done.out) == (0, "Wrote t.svg.\n")
    assert parsed((cli.folder / "t.svg").read_text()) is not None

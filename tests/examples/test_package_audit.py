"""The package audit works on real distributions, and on a small one with faults."""

from __future__ import annotations

import ast
import errno
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from examples.package_audit.__main__ import main
from examples.package_audit.charts import docstring_chart, size_chart
from examples.package_audit.complexity import function_figures
from examples.package_audit.cycles import cycles
from examples.package_audit.graph import METRICS, builder, graph
from examples.package_audit.licences import SIGNATURES, recognised
from examples.package_audit.output import output_folder
from examples.package_audit.parsing import measured

if TYPE_CHECKING:
    from conftest import Sample

CHARTS = {"size.svg", "complexity.svg", "docstrings.svg", "imports.svg"}


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """Keep the default output folder and the shared metrics out of other tests."""
    monkeypatch.chdir(tmp_path)
    METRICS.reset_node_metrics()


@pytest.fixture(autouse=True)
def without_charts(request, monkeypatch):
    """Skip the charts in tests of other things, because they take long."""
    if "charts" not in request.fixturenames:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)


@pytest.fixture(scope="session")
def owners():
    """The distribution of each installed package, computed once: it takes a third of a second."""
    return metadata.packages_distributions()


@pytest.fixture(autouse=True)
def known_owners(owners, monkeypatch):
    """Return the precomputed result."""
    monkeypatch.setattr(metadata, "packages_distributions", lambda: owners)


@pytest.fixture
def charts():
    """Draw the charts in this test."""


async def audit(distribution: str, **more: str) -> dict[str, Any]:
    """Run the graph as the program does."""
    return await graph.ainvoke({"distribution": distribution, **more})


def report(state: dict[str, Any]) -> str:
    """Read the report that an audit wrote."""
    return Path(state["artifact_paths"]["report"]).read_text(encoding="utf-8")


def written(folder: str) -> set[str]:
    """Return the names in an output folder."""
    return {file.name for file in Path(folder).iterdir()}


@pytest.mark.req("N-2")
async def test_healthy_distribution_is_audited(sample: Sample, charts):
    """Every file is parsed, every result is present, and nothing is blocked."""
    sample.licence()
    sample.install()

    state = await audit("tiny.sample")

    assert state["identity"]["name"] == "Tiny-Sample"
    assert sorted(state["parsed"]) == ["tiny", "tiny.alpha", "tiny.beta"]
    assert "errors" not in state or state["errors"] == []
    assert state["routing_flags"] == {"blocked": False, "proceed": True, "complete": True}
    assert state["gate_decisions"]["parsing"]["decision"] == "approved"
    assert written("out/package_audit/Tiny-Sample") == CHARTS | {"report.md"}
    assert "## Errors" not in report(state)
    assert "1 requirement not met here: `surely-not-installed`" in report(state)
    assert "MIT, according to LICENSE" in report(state)


@pytest.mark.req("M-11")
async def test_shared_collector_counts_every_node_of_a_run(sample: Sample):
    """It counts one call for each node and for each file; the failed one has its category."""
    sample.write("tiny/broken.py", "def (:\n")
    sample.install()

    await audit("tiny-sample")

    metrics = METRICS.get_all_node_metrics()
    assert set(metrics) == set(builder.nodes)
    assert (metrics["parse"].success_count, metrics["parse"].failure_count) == (3, 1)
    assert metrics["report"].total_executions == 1
    assert metrics["parse"].p99_ms >= metrics["parse"].p50_ms > 0


def dangling_link(sample: Sample) -> str:
    """A link in RECORD without a target."""
    (sample.folder / "tiny/link.py").symlink_to("nowhere.py")
    sample.record_only.append("tiny/link.py")
    return "FileNotFoundError"


def deleted(sample: Sample) -> str:
    """A file in RECORD that does not exist."""
    sample.record_only.append("tiny/gone.py")
    return "FileNotFoundError"


def folder_named_like_a_module(sample: Sample) -> str:
    """A folder where a file should be."""
    (sample.folder / "tiny/folder.py").mkdir()
    sample.record_only.append("tiny/folder.py")
    return "IsADirectoryError"


def syntax_error(sample: Sample) -> str:
    """A file that is not Python."""
    sample.write("tiny/broken.py", "def (:\n")
    return "SyntaxError"


def wrong_encoding(sample: Sample) -> str:
    """A file in an encoding that does not exist."""
    sample.write("tiny/latin.py", b"# -*- coding: no-such-codec -*-\n")
    return "SyntaxError"


def null_byte(sample: Sample) -> str:
    """A file with a null byte, which Python source must not have."""
    sample.write("tiny/null.py", b"x = 1\0\n")
    return "SyntaxError"


@pytest.mark.req("N-4")
@pytest.mark.parametrize(
    "spoil",
    [dangling_link, deleted, folder_named_like_a_module, syntax_error, wrong_encoding, null_byte],
)
async def test_one_bad_file_is_captured_and_the_others_are_kept(sample: Sample, spoil):
    """The failure is a record in the state and a line in the report; the audit continues."""
    error_type = spoil(sample)
    sample.install()

    state = await audit("tiny-sample")

    (record,) = state["errors"]
    assert (record["node_id"], record["error_type"]) == ("parse", error_type)
    assert (record["attempts"], record["recoverable"]) == (1, False)
    assert sorted(state["parsed"]) == ["tiny", "tiny.alpha", "tiny.beta"]
    assert state["routing_flags"]["blocked"] is False
    assert state["figures"]["modules"] == 3
    assert "## Errors" in report(state)
    assert "1 file missing from all figures: `tiny/" in report(state)
    assert "**Complete**: 3 of 4 files parsed, 1 error." in report(state)


@pytest.mark.req("N-6")
async def test_nothing_parsed_blocks_and_still_reports(sample: Sample):
    """If no file can be parsed, the gate rejects: there are no figures, but a report with the errors."""
    for path in ("tiny/__init__.py", "tiny/alpha.py", "tiny/beta.py"):
        sample.write(path, "def (:\n")
    sample.install()

    state = await audit("tiny-sample")

    assert state["routing_flags"]["blocked"] is True
    assert state["gate_decisions"]["parsing"]["decision"] == "rejected"
    assert Counter(error["node_id"] for error in state["errors"]) == {"parse": 3}
    assert not state["figures"]
    assert "**Blocked** by 3 errors." in report(state)
    assert METRICS.get_node_metrics("charts").total_executions == 0


@pytest.mark.req("N-6")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tiny-sampel", "Did you mean Tiny-Sample?"),
        ("yaml", "PyYAML"),
        ("zzzzqqqq", "No distribution 'zzzzqqqq' is installed"),
        ("", "Give the name"),
        ("  ", "Give the name"),
        ("./tiny", "is a path"),
        ("wei$rd", "cannot be a distribution"),
        ("naïve", "cannot be a distribution"),
        ("a\nb", "cannot be a distribution"),
    ],
)
async def test_unknown_distribution_goes_straight_to_the_report(sample: Sample, name, said):
    """The error suggests a name, the flag is set, and only the report is written."""
    sample.install()

    state = await audit(name)

    (record,) = state["errors"]
    assert (record["node_id"], record["error_type"]) == ("resolve", "UnknownDistributionError")
    assert said in record["message"]
    assert state["routing_flags"] == {"blocked": True, "proceed": False, "complete": False}
    assert "## Errors" in report(state)
    assert METRICS.get_node_metrics("inventory").total_executions == 0


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "a/../../b", "x" * 500])
def test_no_name_leads_out_of_the_output_folder(name):
    """An invalid name becomes one harmless folder."""
    folder = output_folder({"distribution": name})

    assert folder.parent == Path("out/package_audit")
    assert 0 < len(folder.name) <= 80


@pytest.mark.req("N-5")
async def test_busy_file_is_read_again(sample: Sample, monkeypatch):
    """A temporary error is retried."""
    sample.install()
    read_bytes, failed = Path.read_bytes, set()

    def busy_once(path):
        if path.name == "alpha.py" and path not in failed:
            failed.add(path)
            raise OSError(errno.EBUSY, "Device or resource busy", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", busy_once)

    state = await audit("tiny-sample")

    assert "tiny.alpha" in state["parsed"]
    assert METRICS.get_node_metrics("parse").retry_count == 1
    assert METRICS.get_node_metrics("parse").failure_count == 0


@pytest.mark.req("N-25")
@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        (
            "Classifier: License :: OSI Approved :: BSD License\n",
            "BSD License",
            "is BSD License by its metadata",
        ),
        ("License-Expression: MIT\n", "MIT", "is MIT by its metadata"),
        ("License: ISC\n", "ISC", "is ISC by its metadata"),
        ("", "", "is not known"),
    ],
)
async def test_licence_falls_back_to_the_metadata(sample: Sample, fields, name, said):
    """Without a text, the fallback reads the metadata and says why."""
    sample.metadata += fields
    sample.install()

    state = await audit("tiny-sample")

    assert state["licence"]["name"] == name
    assert "the distribution has no licence text" in state["licence"]["doubt"]
    assert state["routing_flags"]["blocked"] is False
    assert f"The licence {said}" in report(state)


@pytest.mark.req("N-25")
async def test_charts_fall_back_to_characters(sample: Sample):
    """Without matplotlib the report has bars of characters."""
    sample.install()

    state = await audit("tiny-sample")

    assert "█" in report(state)
    assert "matplotlib" in state["text_charts"]
    assert ".svg" not in report(state)
    assert state["routing_flags"]["complete"] is True


@pytest.mark.req("N-4")
async def test_a_failed_branch_loses_only_its_own_results(sample: Sample):
    """Unreadable requirements are an error. The report leaves them out and has all the rest."""
    sample.metadata += "Requires-Dist: !not a requirement!\n"
    sample.install()

    state = await audit("tiny-sample")

    assert [error["node_id"] for error in state["errors"]] == ["dependencies"]
    assert state["routing_flags"]["complete"] is True
    assert "| unknown |" in report(state)
    assert "not required directly" not in report(state)
    assert "## Requirements" not in report(state)


async def test_a_changed_file_is_reported(sample: Sample):
    """The finding names a file that differs from its digest in RECORD."""
    sample.install()
    sample.write("tiny/beta.py", "changed = True\n")

    state = await audit("tiny-sample")

    assert "1 file changed since the install: `tiny/beta.py`" in report(state)


async def test_an_editable_install_is_audited(sample: Sample, tmp_path):
    """The sources that a .pth file points to are audited, without other files in their folder."""
    source = tmp_path / "elsewhere"
    for path in ("tiny_sample/__init__.py", "tiny_sample/deep/x.py", "tests/test_x.py"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text("x = 1\n")
    sample.write("_tiny_sample.pth", f"# a comment\n{source}\n")
    sample.install()

    state = await audit("tiny-sample")

    assert sorted(state["parsed"]) == ["tiny_sample", "tiny_sample.deep.x"]
    assert "An editable install" in report(state)


async def test_second_audit_on_a_thread_starts_clean(sample: Sample):
    """Flag, results and errors of the earlier audit are not used."""
    sample.install()
    threaded = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}

    blocked = await threaded.ainvoke({"distribution": "zzzzqqqq"}, config)
    good = await threaded.ainvoke({"distribution": "tiny-sample"}, config)
    again = await threaded.ainvoke({"distribution": "zzzzqqqq"}, config)

    assert [state["routing_flags"]["blocked"] for state in (blocked, good, again)] == [True, False, True]
    assert [len(state["errors"]) for state in (blocked, good, again)] == [1, 1, 2]
    assert "3 of 3 files parsed, 0 errors" in report(good)
    assert "**Blocked** by 1 error." in report(again)
    assert "## Size" not in report(again)


@pytest.mark.req("M-11")
def test_program_shows_summary_metrics_and_report(sample: Sample, charts, capsys):
    """It exits with code 0 and prints the metrics and the path of the report; stderr is empty."""
    sample.write("tiny/broken.py", "def (:\n")
    sample.install()

    code = main(["tiny-sample", "--out", "here"])

    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert "Node metrics" in out
    assert "Tiny-Sample 1.2.3: Complete: 3 of 4 files parsed, 1 error." in out
    assert "invalid syntax" in out
    assert f"Report: {Path('here/report.md')}" in out
    assert Path("here/size.svg").is_file()


def test_program_says_why_it_is_blocked(capsys):
    """It exits with code 1 and a helpful message, and writes a report."""
    code = main(["langgrap"])

    out, err = capsys.readouterr()
    assert (code, err) == (1, "")
    assert "Did you mean langgraph" in out
    assert Path("out/package_audit/langgrap/report.md").is_file()


def test_program_says_that_it_cannot_write(sample: Sample, capsys):
    """The report node raises, because no later node could report the failure."""
    sample.install()
    Path("taken").write_text("a file", encoding="utf-8")

    code = main(["tiny-sample", "--out", "taken"])

    assert code == 1
    assert "The report cannot be written: File exists: taken" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["langgraph", "idna", "types-requests"])
async def test_real_distribution_is_audited(name):
    """All distributions in this environment are audited without an error; one of them has no Python source."""
    state = await audit(name)

    assert state["routing_flags"] == {"blocked": False, "proceed": True, "complete": True}
    assert len(state["parsed"]) == len(state["inventory"]["sources"])
    assert "## Errors" not in report(state)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 1", 1),
        ("if a: return 1", 2),
        ("if a: return 1\n    elif b: return 2\n    else: return 3", 3),
        ("return a and b and c", 3),
        ("return 1 if a else 2", 2),
        ("for x in a: pass", 2),
        ("while a: pass", 2),
        ("return [x for x in a if x if b]", 4),
        ("try: a()\n    except E: pass\n    except F: pass", 3),
        ("match a:\n        case 1: pass\n        case 2 if b: pass\n        case _: pass", 3),
        ("match a:\n        case x if b: pass", 2),
        ("return lambda: 1 if a else 2", 2),
        ("def inner():\n        if a: pass", 1),
        ("with a: pass", 1),
    ],
)
def test_complexity_counts_the_branches(body, expected):
    """It is one, plus one for each branch. A nested function is counted separately."""
    figures = function_figures(ast.parse(f"def f(a, b, c):\n    {body}\n"))

    assert figures[0]["complexity"] == expected


def test_module_is_measured():
    """The lines by kind add up, and things without a docstring are listed."""
    source = '''\
"""Doc
string."""
# comment

import a.b as c

class Public:
    def method(self): ...
    def _private(self): ...
    @property
    def value(self):
        """Doc."""
    @value.setter
    def value(self, v): ...

def inner():
    from .. import sibling
    try:
        import maybe
    except ImportError: pass
'''
    module = measured({"module": "p.q.r", "path": "p/q/r.py", "sha256": ""}, source.encode())

    kinds = {kind: module[kind] for kind in ("lines", "code", "comment", "docstring", "blank")}
    assert kinds == {"lines": 20, "code": 13, "comment": 1, "docstring": 3, "blank": 3}
    assert module["undocumented"] == ["Public", "Public.method", "inner"]
    assert module["documentable"] == 5
    assert module["imports"] == [
        {"module": "a.b", "names": [], "when": "always"},
        {"module": "p", "names": ["sibling"], "when": "deferred"},
        {"module": "maybe", "names": [], "when": "deferred"},
    ]


async def test_the_import_graph_has_internal_and_external_imports(sample: Sample):
    """It has internal edges, cycles, external packages, and unused requirements."""
    sample.install()

    found = (await audit("tiny-sample"))["imports"]

    assert found["edges"] == 4
    assert found["cycles"] == []
    assert [(external["name"], external["declared"]) for external in found["external"]] == [
        ("packaging", True),
        ("yaml_of_nobody", False),
    ]
    assert found["unused"] == ["surely-not-installed"]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ("", []),
        ("ab bc", []),
        ("ab ba", [["a", "b"]]),
        ("ab bc ca cd de ed", [["a", "b", "c"], ["d", "e"]]),
        ("aa", []),
    ],
)
def test_cycles_are_the_groups_that_reach_each_other(edges, expected):
    """They are strongly connected components with more than one member."""
    assert cycles((edge[0], edge[1]) for edge in edges.split()) == expected


@pytest.mark.parametrize("name", SIGNATURES)
def test_licence_is_recognised_by_its_phrases(name):
    """Line breaks do not matter, and the more specific licence wins."""
    assert recognised("  \n".join(SIGNATURES[name]).upper()) == name


def test_real_licence_of_langgraph_is_known():
    """The text is a real one, not made of the phrases."""
    assert recognised(Path(__file__).parents[2].joinpath("LICENSE").read_text()) == "MIT"


def area(name: str, documented: int) -> dict[str, Any]:
    """Return the figures of a package."""
    lines = {"code": 700, "docstring": 200, "comment": 60, "blank": 40}
    return {"name": name, "documented": documented, "documentable": 10, **lines}


@pytest.mark.parametrize("draw", [size_chart, docstring_chart])
def test_a_legend_explains_each_colour_and_covers_nothing(draw, charts):
    """Its box overlaps neither a long title nor the axes, and it lists each colour of a bar."""
    figure = draw([area(f"package{index}", index % 11) for index in range(40)])
    figure.canvas.draw()
    (legend,), (axes,) = figure.legends, figure.axes
    box = legend.get_window_extent()
    assert not any(box.overlaps(each.get_window_extent()) for each in (axes._left_title, axes.patch))
    assert {bar.get_facecolor() for bar in axes.patches} == {
        each.get_facecolor() for each in legend.get_patches()
    }

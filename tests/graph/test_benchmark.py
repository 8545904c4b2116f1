"""The benchmark of the checkpointer measures what it says. No time is asserted."""

from __future__ import annotations

from typing import Any

import pytest


def test_every_saver_is_measured_at_every_size(tmp_path, capsys):
    """With next to no checkpoints: each row has its four figures, and nothing is left behind."""
    benchmark: Any = pytest.importorskip("benchmarks.json_saver", exc_type=ModuleNotFoundError)
    rows = benchmark.main(str(tmp_path), counts=(1, 2))
    assert [row.split(" | ")[:2] for row in rows[3:]] == [
        [f"| {size}", count] for size in ("1 KB", "1 MB") for count in ("1", "2")
    ]
    assert all(float(figure) > 0 for row in rows[3:] for figure in row.strip("| ").split(" | ")[2:])
    assert capsys.readouterr().out.startswith("One fsync")
    assert list(tmp_path.iterdir()) == []

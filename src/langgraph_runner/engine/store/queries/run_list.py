"""`runs_page`: the runs of a tenant that match some conditions, page by page."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, String, and_, bindparam, func, literal_column, or_, select, union_all

from langgraph_runner.engine.status import RunStatus
from langgraph_runner.engine.store.records import SUMMARY_COLUMNS, as_summary, with_counts
from langgraph_runner.engine.store.schema import run_steps, run_tags, runs
from langgraph_runner.engine.store.statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import BindParameter, ColumnElement, Connection

    from langgraph_runner.engine.store.records import SummaryRow

__all__ = ["runs_page"]

_ESCAPE: Final = "/"


def runs_page(
    connection: Connection,
    tenant: str,
    *,
    workflow: str | None = None,
    statuses: Iterable[str] | None = None,
    id_prefix: str | None = None,
    tags: Mapping[str, str] | None = None,
    created_from: int | None = None,
    created_before: int | None = None,
    base_run_id: str | None = None,
    failed_step: str | None = None,
    error_contains: str | None = None,
    before: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[SummaryRow]:
    """Return up to `limit` runs of a tenant that fulfil all given conditions, the newest first.

    Times are in ms since 1970. `base_run_id` is the run that they were derived from, `failed_step` one that failed.
    `error_contains` is part of the error record; ASCII letters match in either case. `before` is the last run of the
    previous page, as (created_at, id).
    """
    error = None
    if error_contains is not None:
        in_json = json.dumps(error_contains)[1:-1]  # As the record, which is JSON, contains the text.
        error = f"%{_escaped(in_json.lower())}%"
    asked = {
        "workflow": workflow,
        "id_prefix": None if id_prefix is None else f"{_escaped(id_prefix)}%",
        "created_from": created_from,
        "created_before": created_before,
        "base_run_id": base_run_id,
        "failed_step": failed_step,
        "error": error,
        "before_at": None if before is None else before[0],
        "before_id": None if before is None else before[1],
    }
    given = {name: value for name, value in asked.items() if value is not None}
    of_statuses = None if statuses is None else tuple(sorted({str(each) for each in statuses}))
    if of_statuses == ():
        return []
    statement = _page(frozenset(given), len(tags or {}), of_statuses)
    for number, (name, value) in enumerate((tags or {}).items()):
        given |= {f"tag_name_{number}": name, f"tag_value_{number}": value}
    return [as_summary(row) for row in statement.ask(connection, tenant=tenant, limit=limit, **given)]


@functools.lru_cache(maxsize=256)
def _page(given: frozenset[str], tags: int, statuses: tuple[str, ...] | None = None) -> Prepared:
    """Return the statement for these conditions. It is cached: building it takes longer than executing it."""
    query = select(*SUMMARY_COLUMNS)
    made_at: ColumnElement[int] = runs.c.created_at
    by_id: ColumnElement[str] = runs.c.id
    for number in range(tags):
        tag = run_tags.alias(f"tag_{number}")
        query = query.join(tag, tag.c.run_id == runs.c.id).where(
            tag.c.tenant_id == bindparam("tenant"),
            tag.c.name == bindparam(f"tag_name_{number}"),
            tag.c.value == bindparam(f"tag_value_{number}"),
        )
        if number == 0:  # Then the database reads one range of the tags' index, in its order.
            made_at, by_id = tag.c.created_at, tag.c.run_id
    before_at: BindParameter[int] = bindparam("before_at")
    failed = select(run_steps.c.run_id).where(
        run_steps.c.tenant_id == bindparam("tenant"),
        run_steps.c.step_id == bindparam("failed_step"),
        run_steps.c.status == literal_column("'failed'"),  # A literal, so that the partial index is used.
    )
    conditions = {
        "workflow": runs.c.workflow_name == bindparam("workflow"),
        "id_prefix": runs.c.id.like(bindparam("id_prefix", type_=String), escape=_ESCAPE),
        "created_from": made_at >= bindparam("created_from"),
        "created_before": made_at < bindparam("created_before"),
        "base_run_id": runs.c.base_run_id == bindparam("base_run_id"),
        "failed_step": runs.c.id.in_(failed),
        "error": and_(
            runs.c.error.is_not(None),
            func.lower(runs.c.error).like(bindparam("error", type_=String), escape=_ESCAPE),
        ),
        "before_at": or_(made_at < before_at, and_(made_at == before_at, by_id < bindparam("before_id"))),
    }
    query = query.where(runs.c.tenant_id == bindparam("tenant"))
    query = query.where(*(condition for name, condition in conditions.items() if name in given))
    query = query.order_by(made_at.desc(), by_id.desc())
    page: Any = query.limit(bindparam("limit", type_=Integer, required=True))
    if statuses is not None:
        page = _of_statuses(page, statuses)
    return Prepared(functools.partial(with_counts, page))


def _of_statuses(page: Any, statuses: tuple[str, ...]) -> Any:
    """Return a page of runs with one of some statuses, merged from the first runs of each status.

    Most runs are completed, so a page with them is read in the order of all runs. The other statuses have an index:
    without it, a search for the last failed run would read all runs that have completed since.
    """
    if "completed" in statuses:
        return page.where(runs.c.status.in_([_literal(each) for each in statuses]))
    firsts = [
        page.where(runs.c.status == _literal(each), runs.c.status != _literal("completed"))
        .subquery()
        .select()
        for each in statuses
    ]
    found = union_all(*firsts).subquery()
    columns = [found.c[str(column.key)] for column in page.selected_columns]
    newest = select(*columns).order_by(found.c.created_at.desc(), found.c.id.desc())
    return newest.limit(bindparam("limit", type_=Integer, required=True))


def _literal(status: str) -> ColumnElement[str]:
    """Return a status as a literal, so that the partial index is used."""
    return literal_column(f"'{RunStatus(status).value}'", String)


def _escaped(text: str) -> str:
    """Return a text with the special characters of LIKE escaped."""
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text

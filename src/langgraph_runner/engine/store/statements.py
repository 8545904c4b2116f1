"""What queries and commands share: `Prepared` statements, the time of the database, and the tenants of a query.

A `Prepared` statement is compiled once and executed by the driver itself: SQLAlchemy's own work around an execution
(compiling, converting, events, results) takes longer than SQLite takes for a statement of the hot path, whose values
need no conversion.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from sqlalchemy import BigInteger, select
from sqlalchemy.exc import CompileError, DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from langgraph_runner.engine.store.backends.base import backend_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import BindParameter, ColumnElement, Connection, Dialect

    from langgraph_runner.engine.store.backends.base import StoreBackend

__all__ = [
    "Prepared",
    "Times",
    "any_of",
    "for_all_tenants",
    "now_in",
    "now_ms",
    "show_rows_of",
    "tenants_of_query",
    "times_in",
]

QueryT = TypeVar("QueryT", bound="Callable[..., Any]")
_BACKEND: Final = "store_backend"
"""The compile argument that holds the backend."""


class now_ms(FunctionElement[int]):  # noqa: N801 - it is an SQL function
    """Milliseconds since 1970 by the clock of the database, which all processes share."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms)
def _now_ms(_element: Any, _compiler: Any, **options: Any) -> str:
    return _backend_in(options).now_sql


class _each(FunctionElement[Any]):  # noqa: N801 - it is an SQL function
    """The values of a list that is one parameter, as a subquery."""

    inherit_cache = True


@compiles(_each)
def _compile_each(element: Any, compiler: Any, **options: Any) -> str:
    (values,) = (compiler.process(each, **options) for each in element.clauses)
    return _backend_in(options).list_sql.format(values)


def _backend_in(options: dict[str, Any]) -> StoreBackend:
    backend: StoreBackend | None = options.get(_BACKEND)
    if backend is None:
        raise CompileError("now_ms() and any_of() work in `Prepared` statements only.")
    return backend


def any_of(column: ColumnElement[Any], values: BindParameter[Any]) -> ColumnElement[bool]:
    """Return the condition that `column` has one of `values`, a list of any length.

    Unlike with `in_()`, the text of the statement stays the same for any length.
    """
    return column.op("IN", is_comparison=True)(_each(values))


class _Compiled(NamedTuple):
    sql: str
    of_one: str
    """The same statement for lists of one value: the common case, which needs no list."""
    bound: Callable[[Mapping[str, Any]], Any]
    """Turns named parameters into the form of the driver: in the statement's order, or by name."""
    fixed: dict[str, Any]
    """Parameters whose value was given in the statement."""
    row: Callable[[Any], Any]
    lists_are_json: bool
    errors: type[Exception]
    dbapi_error: Callable[[str, Exception], Exception]


class Prepared:
    """A statement with named parameters. Values have types that the driver accepts; lists go to `any_of`.

    Args:
        statement: The statement, or a function that returns it for a backend.
        *columns: For an `insert()` or `update()`: the columns that get the parameters of their names.
    """

    def __init__(self, statement: Any, *columns: str) -> None:
        self._statement = statement
        self._columns = columns
        self._by_backend: dict[type[StoreBackend], _Compiled] = {}

    def ask(self, connection: Connection, **values: Any) -> list[Any]:
        """Execute the statement and return all rows as named tuples.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        compiled = self._compiled(connection)
        cursor, sql = connection.connection.cursor(), compiled.sql
        if compiled.lists_are_json:
            lists = {name: each for name, each in values.items() if type(each) is list}
            is_of_one = all(len(each) == 1 for each in lists.values())
            sql = compiled.of_one if is_of_one else sql
            values.update((name, each[0] if is_of_one else json.dumps(each)) for name, each in lists.items())
        try:
            cursor.execute(sql, compiled.bound({**compiled.fixed, **values}))
            return list(map(compiled.row, cursor.fetchall()))
        except compiled.errors as error:
            raise compiled.dbapi_error(sql, error) from error
        finally:
            cursor.close()

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement once for each of `rows`.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        if not rows:
            return
        compiled = self._compiled(connection)
        cursor = connection.connection.cursor()
        try:
            if compiled.fixed:
                rows = [{**compiled.fixed, **row} for row in rows]
            cursor.executemany(compiled.sql, [*map(compiled.bound, rows)])
        except compiled.errors as error:
            raise compiled.dbapi_error(compiled.sql, error) from error
        finally:
            cursor.close()

    def _compiled(self, connection: Connection) -> _Compiled:
        backend = backend_of(connection)
        known = self._by_backend.get(type(backend))
        if known is None:
            known = self._by_backend[type(backend)] = self._compile(backend, connection.dialect)
        return known

    def _compile(self, backend: StoreBackend, dialect: Dialect) -> _Compiled:
        statement: Any = self._statement(backend) if callable(self._statement) else self._statement
        compiled = statement.compile(
            dialect=dialect, column_keys=self._columns or None, compile_kwargs={_BACKEND: backend}
        )
        given = {*self._columns, *(name for name, bind in compiled.binds.items() if bind.required)}
        driver = dialect.loaded_dbapi
        selected = [column.key for column in getattr(statement, "selected_columns", ())]
        return _Compiled(
            sql=str(compiled),
            of_one=_of_one(str(compiled), backend),
            bound=_in_order(compiled.positiontup) if compiled.positional else dict,
            fixed={name: value for name, value in compiled.params.items() if name not in given},
            row=namedtuple("Row", selected)._make,  # type: ignore[attr-defined] # noqa: PYI024
            lists_are_json=backend.lists_are_json,
            errors=driver.Error,
            dbapi_error=lambda sql, error: DBAPIError.instance(
                sql, None, error, driver.Error, dialect=dialect
            ),
        )


def _of_one(sql: str, backend: StoreBackend) -> str:
    """Return a statement in which each list is replaced by its only value."""
    before, after = map(re.escape, backend.list_sql.split("{}"))
    return re.sub(rf"\bIN {before}(.+?){after}", r"= \1", sql)


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


_NOW: Final = Prepared(select(now_ms().label("now")))


class Times(NamedTuple):
    """Two times, in ms since 1970."""

    now: int
    """The time of the database."""
    of_leases: int
    """The time for comparing leases: earlier than `now` for a while after the clock was set forward."""


def now_in(connection: Connection) -> int:
    """Return the time of the database, in ms since 1970."""
    return times_in(connection).now


def times_in(connection: Connection) -> Times:
    """Return the time of the database, and the time for comparing leases."""
    clock = backend_of(connection).clock
    before = clock.monotonic()
    now = int(_NOW.ask(connection)[0].now)
    return Times(now, clock.lease_time(now, before, clock.monotonic()))


def for_all_tenants(query: QueryT) -> QueryT:
    """Mark a query for `RunStore.read` that serves all tenants. The first argument of other queries is the tenant."""
    query.is_for_all_tenants = True  # type: ignore[attr-defined]
    return query


def tenants_of_query(query: Callable[..., Any], arguments: tuple[Any, ...]) -> Iterable[str] | None:
    """Return the tenants of a query; None for all tenants. A query without arguments sees no rows."""
    if getattr(query, "is_for_all_tenants", False):
        return None
    tenants: str | Iterable[str] = arguments[0] if arguments else ()
    return [tenants] if isinstance(tenants, str) else tenants


def show_rows_of(connection: Connection, tenants: Iterable[str] | None) -> None:
    """Limit the rest of a transaction to the rows of some tenants, if the database can; None for all tenants."""
    backend = backend_of(connection)
    if backend.limits_rows:
        backend.show_rows_of(connection, None if tenants is None else [*tenants])

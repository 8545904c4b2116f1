"""The state of the graph: JSON values only, so that any checkpointer and Studio can store it."""

from typing import Annotated, Literal, NotRequired

# Pydantic makes the schemas for Studio. Before Python 3.12 it needs this TypedDict instead of that of typing.
from typing_extensions import TypedDict

from langgraph_runner import GraphState, merge_mappings

When = Literal["always", "guarded", "deferred", "testing", "typing"]
"""When an import runs: on import, on a condition, inside a function, in tests, for a type checker only."""


class AuditRequest(TypedDict):
    """The input of the graph; Studio makes a form of it."""

    distribution: str
    out_dir: NotRequired[str]


class Identity(TypedDict):
    """Name and version of the distribution, from its metadata."""

    name: str
    version: str
    summary: str
    requires_python: str


class SourceFile(TypedDict):
    """One Python file to parse. ``path`` is relative to the inventory's ``root``."""

    module: str
    path: str
    sha256: str


class Inventory(TypedDict):
    """The files of a distribution, counted by kind (``sizes`` in bytes)."""

    root: str
    editable: bool
    counts: dict[str, int]
    sizes: dict[str, int]
    sources: list[SourceFile]


class FunctionFigures(TypedDict):
    """One function or method."""

    name: str
    line: int
    lines: int
    complexity: int


class ImportStatement(TypedDict):
    """One import, made absolute. ``names`` is empty for ``import module``."""

    module: str
    names: list[str]
    when: When


class ModuleFigures(TypedDict):
    """The figures of one parsed file. The four kinds of line add up to ``lines``."""

    module: str
    path: str
    lines: int
    code: int
    comment: int
    docstring: int
    blank: int
    functions: list[FunctionFigures]
    documentable: int
    undocumented: list[str]
    imports: list[ImportStatement]
    altered: bool


class Licence(TypedDict):
    """The licence and its source. ``doubt`` says why the licence text could not be used; else it is empty."""

    name: str
    source: str
    declared: str
    doubt: str


class Dependency(TypedDict):
    """One requirement of this environment. ``installed`` is empty when it is not."""

    name: str
    requirement: str
    installed: str
    satisfied: bool
    licence: str


class RankedFunction(TypedDict):
    """A function and its module."""

    module: str
    name: str
    line: int
    complexity: int


class Area(TypedDict):
    """A package, or a top-level module, with the sums of its figures."""

    name: str
    modules: int
    lines: int
    code: int
    comment: int
    docstring: int
    blank: int
    documentable: int
    documented: int


class Figures(TypedDict):
    """The sums over all parsed modules."""

    modules: int
    lines: int
    code: int
    functions: int
    mean_complexity: float
    grades: dict[str, int]
    most_complex: list[RankedFunction]
    documentable: int
    documented: int
    areas: list[Area]


class ExternalImport(TypedDict):
    """An external top-level package, and its distribution (empty if none is installed).

    ``declared`` is None if the requirements are unknown.
    """

    name: str
    distribution: str
    modules: int
    when: When
    declared: bool | None


class ImportGraph(TypedDict):
    """The imports between areas. ``matrix[i][j]``: how often a module of ``areas[i]`` imports one of ``areas[j]``."""

    areas: list[str]
    matrix: list[list[int]]
    edges: int
    cycles: list[list[str]]
    external: list[ExternalImport]
    unused: list[str]


class AuditState(GraphState, total=False):
    """The results of the nodes, in addition to the errors, flags and artifact paths of ``GraphState``.

    A field is absent or empty if its node has not run or has failed.
    """

    distribution: str
    out_dir: str
    trace_id: str
    identity: Identity
    inventory: Inventory
    parsed: Annotated[dict[str, ModuleFigures], merge_mappings]
    licence: Licence
    dependencies: list[Dependency] | None
    figures: Figures
    imports: ImportGraph
    text_charts: str


class ParseTask(TypedDict):
    """The state of one branch of the fan-out: a file and the folder of the distribution."""

    root: str
    source: SourceFile

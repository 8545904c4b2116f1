"""What travels through the graph: JSON values only, so that any checkpointer and Studio can keep it."""

from typing import Annotated, Literal, NotRequired

# Not typing's: pydantic, which draws the schemas for Studio, wants this one before Python 3.12.
from typing_extensions import TypedDict

from langgraph_runner import GraphState, merge_mappings

When = Literal["always", "guarded", "deferred", "testing", "typing"]
"""When an import runs: on import, on a condition, inside a function, in tests, for a type checker only."""


class AuditRequest(TypedDict):
    """What the caller gives; the form that Studio shows."""

    distribution: str
    out_dir: NotRequired[str]


class Identity(TypedDict):
    """Who the distribution says it is."""

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
    """What one parsed file tells. The four kinds of line add up to ``lines``."""

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
    """Under which terms, and how the audit knows; ``doubt`` says why the text did not serve, if so."""

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
    """A function with the module that holds it."""

    module: str
    name: str
    line: int
    complexity: int


class Area(TypedDict):
    """A package, or a lone module beside packages, with the sums of what is in it."""

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
    """A foreign top-level package, and the distribution that brings it (empty when none is installed).

    ``declared`` is None when the requirements are not known.
    """

    name: str
    distribution: str
    modules: int
    when: When
    declared: bool | None


class ImportGraph(TypedDict):
    """Who imports whom. ``matrix[i][j]``: how often a module of ``areas[i]`` imports one of ``areas[j]``."""

    areas: list[str]
    matrix: list[list[int]]
    edges: int
    cycles: list[list[str]]
    external: list[ExternalImport]
    unused: list[str]


class AuditState(GraphState, total=False):
    """Everything the nodes know, on top of the errors, flags and artifact paths of ``GraphState``.

    A fact that is absent or empty is not known: its node has not run, or has failed.
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
    """What one branch of the fan-out gets: a file, and where the distribution lies."""

    root: str
    source: SourceFile

"""Invalid workflows: registration reports all problems at once, each with its cause and the fix."""

from __future__ import annotations

import dataclasses
import functools
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, ConfigDict

from langgraph_runner import create_node
from langgraph_runner.workflow import (
    ChangeSpec,
    StepSpec,
    UnknownWorkflowError,
    Workflow,
    WorkflowDefinitionError,
    WorkflowRegistry,
    WorkflowSpec,
)

if TYPE_CHECKING:
    from decimal import Decimal as Money

pytestmark = pytest.mark.req("R-2")

MANY = 10_000


class Brief(BaseModel):
    """The inputs."""

    hue: int


@dataclasses.dataclass(eq=False)
class Knob:
    """Mutable, but hashable by its identity."""

    level: int


class Dial(BaseModel):
    """The same as a pydantic model."""

    level: int

    def __hash__(self) -> int:
        return id(self)


@dataclasses.dataclass(frozen=True)
class Panel:
    """Immutable, but its part may be mutable."""

    part: Any = None


class Board(BaseModel):
    """The same as a pydantic model."""

    model_config = ConfigDict(frozen=True)

    part: Any = None


BRIEF = Brief(hue=1)
OBJECT = object()


def problems_of(*steps: StepSpec, **options: Any) -> tuple[str, ...]:
    """Return the problems of a workflow with these steps."""
    with pytest.raises(WorkflowDefinitionError) as refused:
        WorkflowRegistry([WorkflowSpec(**{"id": "w", "steps": steps, **options})])
    return refused.value.problems


def step(name: Any = "a", run: Any = lambda: 1, **options: Any) -> StepSpec:
    """Return a step that is valid except for the given options."""
    return StepSpec(id=name, run=run, **options)


def test_a_cycle_is_reported_as_its_path() -> None:
    """The path has the order of execution."""
    (problem,) = problems_of(step("a", lambda c: c), step("b", lambda a: a), step("c", lambda b: b))
    assert problem in {
        f"the steps {path} wait for each other in a cycle."
        for path in (
            "'a' -> 'b' -> 'c' -> 'a'",
            "'b' -> 'c' -> 'a' -> 'b'",
            "'c' -> 'a' -> 'b' -> 'c'",
        )
    }


@pytest.mark.parametrize("itself", [step("a", lambda a: a), step("a", depends_on=("a",))], ids=["name", "id"])
def test_a_step_cannot_wait_for_itself(itself: StepSpec) -> None:
    """That is a cycle, too."""
    assert problems_of(itself) == ("the steps 'a' -> 'a' wait for each other in a cycle.",)


def test_every_problem_is_reported() -> None:
    """No problem hides another."""
    found = problems_of(
        step("a", lambda b: b, retry=0),
        step("b", lambda a: a, timeout_ms=-1),
        step("b"),
        step("c:d"),
        step("e", lambda *rest: 1, join="some"),
        step("hue", lambda huee: 1),
        inputs=Brief,
        version="",
        changes={"x": ChangeSpec(type="x", reruns=("bb",))},
    )
    assert [problem.split(":")[0] for problem in found] == [
        "the steps 'b' -> 'a' -> 'b' wait for each other in a cycle.",
        "version must be a text that is not empty, got ''.",
        "step 'b'",
        "step 'c",
        "step 'a'",
        "step 'b'",
        "step 'e'",
        "step 'e'",
        "step 'hue'",
        "step 'hue'",
        "change 'x'",
    ]
    assert "Did you mean 'hue'?" in found[9]
    assert "Did you mean 'b'?" in found[10]


def test_a_cycle_is_among_the_problems_that_are_shown() -> None:
    """Cycles are the hardest to find, so they come first; the message shows only the first problems."""
    wrong = [step(f"s{number}", retry=0) for number in range(30)]
    spec = WorkflowSpec(id="w", steps=(*wrong, step("a", lambda b: b), step("b", lambda a: a)))
    with pytest.raises(WorkflowDefinitionError, match=r"in a cycle\.\n(.*\n)+  - and 11 more"):
        WorkflowRegistry([spec])


def generate() -> Iterator[int]:
    """A generator function."""
    yield 1


def positional(a: int, /) -> int:
    """Its parameter cannot be passed by name."""
    return a


def unreadable() -> Money:  # type: ignore[empty-body]
    """A function whose return type exists for type checkers only."""


async def later(_: Any) -> Any:
    """A coroutine function whose types exist for type checkers only."""


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (step(run=lambda x: x), "nothing provides the parameter 'x'"),
        (step(run=lambda ctxx: 1), "Did you mean 'ctx'?"),
        (step(run=lambda *rest: 1), r"parameter '\*rest' cannot be passed by name"),
        (step(run=lambda **rest: 1), r"parameter '\*\*rest' cannot be passed by name"),
        (step(run=positional), "parameter 'a: 'int'' cannot be passed by name"),
        (step(run=lambda x=[]: 1), "default of its parameter 'x' is a list, which a step could change"),
        (step(run=lambda x=BRIEF: 1), "default of its parameter 'x' is a Brief"),
        (step(run=lambda x=OBJECT: 1), "default of its parameter 'x' cannot be hashed"),
        (step(run=lambda x=float("nan"): 1), "default of its parameter 'x' cannot be hashed"),
        (step(run=functools.partial(lambda x: 1, [])), "argument 0 of its partial is a list"),
        (step(run=functools.partial(lambda x: 1, x=object())), "cannot be hashed"),
        (step(run=3), "its function must be a function or a Runnable, got 3"),
        (step(run=None), "its function must be .* got None"),
        (step(run={"a": len}), "must be a function or a Runnable"),
        (step(run=generate), r"its function generate\(\) must not be a generator\. Return a list"),
        (step(run=create_node(lambda state: {})), "its function must not be a node"),
        (step(run=create_node(RunnableLambda(len))), "its function must not be a node"),
        (step(run=unreadable), "its return annotation cannot be read .*Money"),
        (step(output=type("Plain", (), {})), "values of the type Plain cannot be stored"),
        (step(retry=0), "retry: RetryConfig: max_attempts"),
        (step(retry=True), "retry: RetryConfig: max_attempts"),
        (step(retry="often"), "retry must be a RetryConfig"),
        (
            step(retry={"attempts": 3}),
            r"retry: attempts: RetryConfig has no such option\. Did you mean 'max_attempts'",
        ),
        (step(retry={1: 2}), "retry: keywords must be strings"),
        (step(timeout_ms=0), "timeout_ms"),
        (step(timeout_ms="1s"), "timeout_ms"),
        (step(total_timeout_ms=float("nan")), "total_timeout_ms"),
        (
            step(circuit_breaker={"failure_threshold": 0}),
            "circuit_breaker: CircuitBreakerConfig: failure_threshold ",
        ),
        (
            step(circuit_breaker=3),
            "circuit_breaker must be a CircuitBreakerConfig, its fields as a dict, .* got 3",
        ),
        (step(cache="always"), "cache must be one of global, run_only, none, got 'always'"),
        (step(cache=[]), r"cache must be .* got \[\]"),
        (step(join="some"), "join must be one of all_success, .* got 'some'"),
        (step(cache_ttl_s=0), "cache_ttl_s must be a number of seconds above 0, .* got 0"),
        (step(cache_ttl_s=-1), "cache_ttl_s must be a number of seconds above 0, .* got -1"),
        (step(cache_ttl_s=float("nan")), "cache_ttl_s must be a number of seconds above 0, .* got nan"),
        (step(cache_ttl_s=float("inf")), "cache_ttl_s must be a number of seconds above 0, .* got inf"),
        (step(cache_ttl_s=True), "cache_ttl_s must be a number of seconds above 0, .* got True"),
        (step(cache_ttl_s="1h"), "cache_ttl_s must be a number of seconds above 0, .* got '1h'"),
        (step(version=2), "version must be a text that is not empty, got 2"),
        (step(version=""), "version must be .* got ''"),
        (step(input_selector="inputs"), "input_selector must be a function, got 'inputs'"),
        (step(input_selector=later), "input_selector must not be async"),
        (step(depends_on="abc"), "depends_on must be a tuple of ids, got 'abc'"),
        (step(depends_on=3), "depends_on must be a tuple of ids, got 3"),
        (step(depends_on=None), "depends_on must be a tuple of ids, got None"),
        (step(depends_on=("b",)), "depends_on names 'b', which is not a step"),
        (step(depends_on=([],)), r"depends_on names '\[\]', which is not a step"),
        (step(description=3), "description must be a text, got 3"),
        (step(fallback=3), "its fallback must be a function or a Runnable, got 3"),
        (step(fallback=generate), r"its fallback generate\(\) must not be a generator"),
        (step(fallback=lambda x: 1), "its fallback needs 'x', which the step does not receive"),
        (step(fallback=lambda *rest: 1), r"parameter '\*rest' of its fallback cannot be passed by name"),
        (step(run=RunnableLambda(len), fallback=lambda x, y: 1), "its fallback needs 'x', 'y'"),
        (step(fallback=create_node(lambda state: {})), "fallback must not be a node"),
    ],
    ids=[str(number) for number in range(54)],
)
def test_an_invalid_step_is_refused(wrong: StepSpec, problem: str) -> None:
    """There is one problem, which names the step and the option."""
    (found,) = problems_of(wrong)
    assert found.startswith("step 'a': ")
    assert re.search(problem, found), found


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        (Knob(1), "Knob"),
        (Dial(level=1), "Dial"),
        ((1, (Knob(1),)), "Knob"),
        (Panel(Knob(1)), "Knob"),
        (Board(part=Dial(level=1)), "Dial"),
    ],
    ids=repr,
)
def test_a_mutable_default_is_refused_even_if_it_is_hashable(default: Any, kind: str) -> None:
    """All runs share it. The same holds for the arguments of a partial."""
    (found,) = problems_of(step(run=lambda x=default: 1))
    assert f"the default of its parameter 'x' is a {kind}, which a step could change for all runs" in found
    (found,) = problems_of(step(run=functools.partial(lambda x: 1, default)))
    assert f"argument 0 of its partial is a {kind}, which a step could change for all runs" in found


@pytest.mark.parametrize(
    "default", [None, (1, None), Panel(), Panel((1,)), Board(part="x"), frozenset({1})], ids=repr
)
def test_an_immutable_default_is_accepted(default: Any) -> None:
    """All of its parts are immutable."""
    WorkflowRegistry([WorkflowSpec(id="w", steps=(step(run=lambda x=default: 1),))])


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:b", "a|b", "-a", ".a", "a" * 129, "größe", "<lambda>", 3, None, []]
)
def test_an_invalid_id_is_refused(name: Any) -> None:
    """This holds for steps and for workflows."""
    (problem,) = problems_of(step(name))
    assert "its id must be 1 to 128 ASCII letters" in problem
    assert "Set it with `id=`." in problem
    assert "its id must be 1 to 128 ASCII letters" in problems_of(step(), id=name)[0]


@pytest.mark.parametrize("name", ["inputs", "ctx", "config", "runtime"])
def test_a_step_cannot_have_a_reserved_name(name: str) -> None:
    """A parameter of that name would be ambiguous."""
    (problem,) = problems_of(step(name))
    assert "its id must not be one of config, ctx, inputs, runtime" in problem


def test_a_step_cannot_have_the_name_of_a_field_of_the_inputs() -> None:
    """A parameter of that name would be ambiguous."""
    (problem,) = problems_of(step("hue"), inputs=Brief)
    assert problem.startswith("step 'hue': a field of the inputs has the same name")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (ChangeSpec(type="x", reruns=("b",)), "reruns names 'b', which is not a step"),
        (ChangeSpec(type="x", reruns="abc"), "reruns must be a tuple of ids, got 'abc'"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", reruns=3), "reruns must be a tuple of ids, got 3"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", description=3), "description must be a text, got 3"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", apply=3), "apply must be a function, got 3"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", apply=later), "apply must not be async"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", payload=type("Plain", (), {})), "payload must be a model, got"),
        (ChangeSpec(type="y"), "its key must be its type, got 'x'"),
        (3, "must be a ChangeSpec, got 3"),
    ],
    ids=[str(number) for number in range(9)],
)
def test_an_invalid_change_is_refused(change: Any, problem: str) -> None:
    """The message names its type."""
    (found,) = problems_of(step(), changes={"x": change})
    assert problem in found


@pytest.mark.parametrize("inputs", [int, dict, 3, "Brief"])
def test_inputs_without_fields_are_refused(inputs: Any) -> None:
    """Parameters that may be fields of these inputs are not reported as well."""
    (found,) = problems_of(step(run=lambda hue: hue), inputs=inputs)
    assert found.startswith("inputs must be ")


def test_only_step_specs_are_accepted_as_steps() -> None:
    """A function is refused, and so is a workflow without steps."""
    assert problems_of(len) == ("each step must be a StepSpec, got <built-in function len>.",)  # type: ignore[arg-type]
    assert problems_of() == ("it has no steps.",)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"steps": 3}, "steps must be a tuple of StepSpecs, got 3"),
        ({"steps": "abc"}, "steps must be a tuple of StepSpecs, got 'abc'"),
        ({"steps": (step() for _ in "a")}, "steps must be a tuple of StepSpecs, got <generator"),
        ({"changes": None}, "changes must be a dict of ChangeSpecs by type, got None"),
        ({"changes": [ChangeSpec(type="x")]}, "must be a dict of ChangeSpecs by type"),
    ],
    ids=["number", "text", "generator", "none", "list"],
)
def test_steps_and_changes_must_be_collections(wrong: Any, problem: str) -> None:
    """`WorkflowRegistry` and `Workflow.from_spec` both check this."""
    spec = WorkflowSpec(**{"id": "w", "steps": (step(),), **wrong})
    for read in (lambda: WorkflowRegistry([spec]), lambda: Workflow.from_spec(spec)):
        with pytest.raises(WorkflowDefinitionError, match=problem):
            read()


def test_from_spec_reports_a_wrong_step_when_the_workflow_is_checked() -> None:
    """`from_spec` itself accepts it."""
    flow = Workflow.from_spec(WorkflowSpec(id="w", steps=(3,)))  # type: ignore[arg-type]
    with pytest.raises(WorkflowDefinitionError, match="each step must be a StepSpec, got 3"):
        flow.blueprint()


def test_a_description_must_be_a_text() -> None:
    """People read it."""
    assert problems_of(step(), description=3) == ("description must be a text, got 3.",)


@pytest.mark.parametrize("declared", [type("Plain", (), {}), "NoSuch", 3], ids=["class", "text", "number"])
def test_a_type_without_json_is_reported_on_one_line(declared: Any) -> None:
    """The advice of pydantic for authors of types is left out."""
    (problem,) = problems_of(step(output=declared))
    assert "cannot be stored as JSON" in problem
    assert "\n" not in problem


@pytest.mark.parametrize("junk", [3, "w", lambda: 1])
def test_only_workflows_and_specs_are_accepted(junk: Any) -> None:
    """Other types raise a TypeError."""
    with pytest.raises(TypeError, match=r"spec must be a .*WorkflowSpec, got"):
        WorkflowRegistry([junk])
    with pytest.raises(TypeError, match=r"spec must be a .*WorkflowSpec, got"):
        Workflow.from_spec(junk)


def test_a_change_is_defined_once() -> None:
    """The second definition raises at once."""
    flow = Workflow("w")
    flow.on_change("x")
    with pytest.raises(WorkflowDefinitionError, match="change 'x': it is defined twice"):
        flow.on_change("x")


def test_a_function_of_several_steps_is_ambiguous() -> None:
    """The message asks for an id."""

    def double(inputs: Any) -> Any:
        return inputs

    flow = Workflow("w")
    flow.step(double, id="a")
    flow.step(double, id="b")
    with pytest.raises(WorkflowDefinitionError, match="double runs in several steps: a, b"):
        flow.on_change("x", reruns=[double])
    with pytest.raises(WorkflowDefinitionError, match="Pass the id of one of them"):
        flow.step(lambda: 1, id="c", depends_on=[double])


def test_an_unknown_option_is_a_type_error() -> None:
    """The message names the step."""
    with pytest.raises(TypeError, match=r"Step 'generate': unknown option 'retrys'\. Did you mean 'retry'\?"):
        Workflow("w").step(generate, retrys=3)  # type: ignore[call-overload]


def test_a_text_in_place_of_a_function_is_a_type_error() -> None:
    """`@flow.step("price")` probably means its id."""
    with pytest.raises(TypeError, match="Set the id with id='price'"):
        Workflow("w").step("price")  # type: ignore[call-overload]


@pytest.mark.parametrize("type", ["", None, [], generate], ids=["empty", "none", "list", "function"])
def test_the_type_of_a_change_must_be_a_text(type: Any) -> None:  # noqa: A002
    """The error comes where the change is defined."""
    with pytest.raises(WorkflowDefinitionError, match="the type must be a text"):
        Workflow("w").on_change(type)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (generate, "depends_on must be a tuple of ids, got <function generate "),
        (3, "depends_on must be a tuple of ids, got 3"),
        ([3], "depends_on names '3', which is not a step"),
        ([generate], "depends_on names 'generate', which is not a step"),
    ],
    ids=["function", "number", "list of numbers", "function of no step"],
)
def test_an_invalid_dependency_of_a_decorated_step_is_reported(given: Any, problem: str) -> None:
    """The message shows it as it was written."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a", depends_on=given)
    with pytest.raises(WorkflowDefinitionError, match=problem):
        flow.blueprint()


def test_a_registry_lists_its_workflows_in_order() -> None:
    """Registering the same workflow again is allowed."""
    one, two = Workflow("one"), Workflow("two")
    one.step(lambda: 1, id="a")
    two.step(lambda: 1, id="a")
    registry = WorkflowRegistry([one])
    blueprint = registry.register(two)
    assert registry.get_workflow("two") is blueprint
    assert registry.register(two) is blueprint
    assert [each.id for each in registry.list_workflows()] == ["one", "two"]


def test_adding_a_step_after_registration_warns() -> None:
    """An engine that exists already, for example in a notebook, would silently ignore the step."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a")
    WorkflowRegistry([flow])
    with pytest.warns(
        UserWarning, match="an engine has registered it already and does not get the step 'b'"
    ) as told:
        flow.step(id="b")(lambda: 2)
    assert [Path(each.filename) for each in told] == [Path(__file__)]
    with pytest.warns(UserWarning, match="does not get the change 'c'"):
        flow.on_change("c")


def test_two_workflows_of_one_id_are_refused() -> None:
    """The first one stays. The message names both solutions."""
    registry = WorkflowRegistry([WorkflowSpec(id="w", steps=(step(),))])
    before = registry.get_workflow("w")
    with pytest.raises(WorkflowDefinitionError, match="another workflow is registered under this id"):
        registry.register(WorkflowSpec(id="w", steps=(step("b"),)))
    assert registry.get_workflow("w") is before


@pytest.mark.parametrize("junk", [3, Workflow("w")], ids=["number", "workflow"])
def test_a_registry_needs_a_list(junk: Any) -> None:
    """A single workflow is not a list."""
    with pytest.raises(TypeError, match="workflows must be a list of workflows, got"):
        WorkflowRegistry(junk)


@pytest.mark.parametrize("junk", [3, [], None])
def test_an_id_that_is_not_a_text_is_an_unknown_workflow(junk: Any) -> None:
    """It need not be hashable."""
    with pytest.raises(UnknownWorkflowError, match=r"Registered: none\. Pass its id"):
        WorkflowRegistry().get_workflow(junk)


def test_the_error_of_an_unknown_workflow_lists_the_known_ones() -> None:
    """It is also a LookupError, and survives pickle."""
    registry = WorkflowRegistry([WorkflowSpec(id="shop.v1", steps=(step(),))])
    with pytest.raises(
        UnknownWorkflowError, match=r"Registered: shop.v1. Did you mean 'shop.v1'\?"
    ) as refused:
        registry.get_workflow("shop.v2")
    assert isinstance(refused.value, LookupError)
    again = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - it is ours
    assert (again.workflow, str(again)) == ("shop.v2", str(refused.value))


def functions(parameters: Callable[[int], str]) -> list[StepSpec]:
    """Return many steps with these parameters."""
    made: list[StepSpec] = []
    for number in range(MANY):
        names: dict[str, Any] = {}
        exec(f"def s{number}({parameters(number)}) -> int: return 1", names)  # noqa: S102
        made.append(step(f"s{number}", names[f"s{number}"]))
    return made


@pytest.mark.no_cover
@pytest.mark.no_cover
@pytest.mark.req("R-3")
@pytest.mark.parametrize(
    "parameters",
    [lambda n: f"s{n - 1}" if n else "", lambda n: "s0" if n else "", lambda n: ""],
    ids=["chain", "fan-out", "fan-in"],
)
def test_10_000_steps_are_registered(parameters: Callable[[int], str]) -> None:
    """No function uses recursion."""
    *steps, _ = functions(parameters)
    last = step("last", depends_on=tuple(each.id for each in steps))
    (blueprint,) = WorkflowRegistry([WorkflowSpec(id="w", steps=(*steps, last))]).list_workflows()
    assert blueprint.dag.order[-1] == "last"


def large_workflow() -> Workflow:
    """Return a workflow with one step more than is allowed, made with decorators."""
    flow = Workflow("w")
    for number in range(MANY + 1):
        flow.step(id=f"s{number}")(len)
    return flow


@pytest.mark.parametrize(
    "check",
    [
        lambda flow: flow.blueprint(),
        lambda flow: flow.to_graph(),
        lambda flow: flow.as_node(),
        lambda flow: WorkflowRegistry([flow]),
        lambda flow: WorkflowRegistry([WorkflowSpec(id="w", steps=tuple(flow._steps))]),
        lambda flow: Workflow.from_spec(WorkflowSpec(id="w", steps=tuple(flow._steps))),
    ],
    ids=["blueprint", "to_graph", "as_node", "register", "register a spec", "from_spec"],
)
def test_more_than_10_000_steps_are_refused(check: Callable[[Workflow], object]) -> None:
    """No step is looked at: each of these would be a problem of its own."""
    with pytest.raises(WorkflowDefinitionError) as refused:
        check(large_workflow())
    (problem,) = refused.value.problems
    assert problem.startswith("it has 10,001 steps; at most 10,000 are allowed.")


def test_more_than_1_000_000_dependencies_are_refused() -> None:
    """They are counted before they are checked."""
    before = ("a",) * 1_000
    steps = [step(f"s{number}", depends_on=before) for number in range(1_000)]
    (problem,) = problems_of(*steps, step("last", depends_on=("a",)))
    assert problem.startswith("its steps have 1,000,001 dependencies; at most 1,000,000 are allowed.")


@pytest.mark.no_cover
@pytest.mark.no_cover
def test_10_000_problems_are_reported() -> None:
    """`problems` has all of them and the message the first; suggestions are searched for a few names only."""
    found = problems_of(*functions(lambda n: f"s{n}_s"))
    assert len(found) == MANY
    assert sum("Did you mean" in problem for problem in found) <= 5
    with pytest.raises(WorkflowDefinitionError, match="and 9980 more") as refused:
        WorkflowRegistry([WorkflowSpec(id="w", steps=tuple(functions(lambda n: f"s{n}_s")))])
    assert len(str(refused.value)) < 10_000


@pytest.mark.no_cover
def test_the_middle_of_a_long_cycle_is_left_out() -> None:
    """The message shows its beginning and its end."""
    (problem,) = problems_of(*functions(lambda n: f"s{(n - 1) % MANY}"))
    assert "(9989 more)" in problem
    assert len(problem) < 500

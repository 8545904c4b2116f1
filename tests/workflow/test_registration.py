"""What cannot be registered: everything that is wrong is said at once, with the offender and the fix."""

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
    """Can be turned, and has a hash all the same: by its identity."""

    level: int


class Dial(BaseModel):
    """The same as a model."""

    level: int

    def __hash__(self) -> int:
        return id(self)


@dataclasses.dataclass(frozen=True)
class Panel:
    """Cannot be changed itself."""

    part: Any = None


class Board(BaseModel):
    """The same as a model."""

    model_config = ConfigDict(frozen=True)

    part: Any = None


BRIEF = Brief(hue=1)
OBJECT = object()


def problems_of(*steps: StepSpec, **options: Any) -> tuple[str, ...]:
    """What is wrong with a workflow of these steps."""
    with pytest.raises(WorkflowDefinitionError) as refused:
        WorkflowRegistry([WorkflowSpec(**{"id": "w", "steps": steps, **options})])
    return refused.value.problems


def step(name: Any = "a", run: Any = lambda: 1, **options: Any) -> StepSpec:
    """A step that is right but for what is given."""
    return StepSpec(id=name, run=run, **options)


def test_a_cycle_is_told_as_its_path() -> None:
    """In the order of the work."""
    (problem,) = problems_of(step("a", lambda c: c), step("b", lambda a: a), step("c", lambda b: b))
    assert problem in {
        f"the steps {path} wait for each other in a circle."
        for path in (
            "'a' -> 'b' -> 'c' -> 'a'",
            "'b' -> 'c' -> 'a' -> 'b'",
            "'c' -> 'a' -> 'b' -> 'c'",
        )
    }


@pytest.mark.parametrize("itself", [step("a", lambda a: a), step("a", depends_on=("a",))], ids=["name", "id"])
def test_a_step_cannot_wait_for_itself(itself: StepSpec) -> None:
    """That is a cycle, too."""
    assert problems_of(itself) == ("the steps 'a' -> 'a' wait for each other in a circle.",)


def test_every_problem_is_told_at_once() -> None:
    """None hides another."""
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
        "the steps 'b' -> 'a' -> 'b' wait for each other in a circle.",
        "version is ''; use a text that is not empty.",
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
    """It is the hardest to see; of many problems the text has the first only."""
    wrong = [step(f"s{number}", retry=0) for number in range(30)]
    spec = WorkflowSpec(id="w", steps=(*wrong, step("a", lambda b: b), step("b", lambda a: a)))
    with pytest.raises(WorkflowDefinitionError, match=r"in a circle\.\n(.*\n)+  - and 11 more"):
        WorkflowRegistry([spec])


def generate() -> Iterator[int]:
    """A generator function."""
    yield 1


def positional(a: int, /) -> int:
    """Its parameter has no name for callers."""
    return a


def unreadable() -> Money:  # type: ignore[empty-body]
    """Its type is there for type checkers only."""


async def later(_: Any) -> Any:
    """A coroutine function."""


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (step(run=lambda x: x), "nothing provides the parameter 'x'"),
        (step(run=lambda ctxx: 1), "Did you mean 'ctx'?"),
        (step(run=lambda *rest: 1), r"parameter '\*rest' cannot be named"),
        (step(run=lambda **rest: 1), r"parameter '\*\*rest' cannot be named"),
        (step(run=positional), "parameter 'a: 'int'' cannot be named"),
        (step(run=lambda x=[]: 1), "default of its parameter 'x' is a list, which a step could change"),
        (step(run=lambda x=BRIEF: 1), "default of its parameter 'x' is a Brief"),
        (step(run=lambda x=OBJECT: 1), "default of its parameter 'x' cannot be hashed"),
        (step(run=lambda x=float("nan"): 1), "default of its parameter 'x' cannot be hashed"),
        (step(run=functools.partial(lambda x: 1, [])), "argument 0 of its partial is a list"),
        (step(run=functools.partial(lambda x: 1, x=object())), "cannot be hashed"),
        (step(run=3), "its function is 3; give a function or a Runnable"),
        (step(run=None), "its function is None"),
        (step(run={"a": len}), "give a function or a Runnable"),
        (step(run=generate), r"its function generate\(\) is a generator; return a list"),
        (step(run=create_node(lambda state: {})), "its function is a node already"),
        (step(run=create_node(RunnableLambda(len))), "its function is a node already"),
        (step(run=unreadable), "its return annotation cannot be read .*Money"),
        (step(output=type("Plain", (), {})), "values of the type Plain cannot be kept"),
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
        (step(circuit_breaker=3), "circuit_breaker must be a CircuitBreakerConfig, its fields as a dict"),
        (step(cache="always"), "cache is 'always'; use one of global, run_only, none"),
        (step(cache=[]), r"cache is \[\]"),
        (step(join="some"), "join is 'some'; use one of all_success"),
        (step(cache_ttl_s=0), "cache_ttl_s is 0"),
        (step(cache_ttl_s=-1), "cache_ttl_s is -1"),
        (step(cache_ttl_s=float("nan")), "cache_ttl_s is nan"),
        (step(cache_ttl_s=float("inf")), "cache_ttl_s is inf"),
        (step(cache_ttl_s=True), "cache_ttl_s is True"),
        (step(cache_ttl_s="1h"), "cache_ttl_s is '1h'"),
        (step(version=2), "version is 2; use a text"),
        (step(version=""), "version is ''"),
        (step(input_selector="inputs"), "input_selector is 'inputs'; give a function"),
        (step(input_selector=later), "input_selector is async"),
        (step(depends_on="abc"), "depends_on is the text 'abc'; give a tuple of ids"),
        (step(depends_on=3), "depends_on is 3; give a tuple of ids"),
        (step(depends_on=None), "depends_on is None; give a tuple of ids"),
        (step(depends_on=("b",)), "depends on 'b', which is no step"),
        (step(depends_on=([],)), r"depends on '\[\]', which is no step"),
        (step(description=3), "description is 3; use a text"),
        (step(fallback=3), "its fallback is 3"),
        (step(fallback=generate), r"its fallback generate\(\) is a generator"),
        (step(fallback=lambda x: 1), "its fallback needs 'x', which the step does not receive"),
        (step(fallback=lambda *rest: 1), r"parameter '\*rest' of its fallback cannot be named"),
        (step(run=RunnableLambda(len), fallback=lambda x, y: 1), "its fallback needs 'x', 'y'"),
        (step(fallback=create_node(lambda state: {})), "fallback is a node already"),
    ],
    ids=[str(number) for number in range(54)],
)
def test_a_step_that_cannot_run_is_refused(wrong: StepSpec, problem: str) -> None:
    """With one problem, which names it."""
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
def test_a_default_that_can_be_changed_is_refused_though_it_has_a_hash(default: Any, kind: str) -> None:
    """It is one and the same for all runs; so is what a partial was given."""
    (found,) = problems_of(step(run=lambda x=default: 1))
    assert f"the default of its parameter 'x' is a {kind}, which a step could change for all runs" in found
    (found,) = problems_of(step(run=functools.partial(lambda x: 1, default)))
    assert f"argument 0 of its partial is a {kind}, which a step could change for all runs" in found


@pytest.mark.parametrize(
    "default", [None, (1, None), Panel(), Panel((1,)), Board(part="x"), frozenset({1})], ids=repr
)
def test_a_default_that_nobody_can_change_is_taken(default: Any) -> None:
    """Down to its parts."""
    WorkflowRegistry([WorkflowSpec(id="w", steps=(step(run=lambda x=default: 1),))])


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:b", "a|b", "-a", ".a", "a" * 129, "größe", "<lambda>", 3, None, []]
)
def test_an_unusable_id_is_refused(name: Any) -> None:
    """Of a step and of a workflow."""
    (problem,) = problems_of(step(name))
    assert "unusable" in problem
    assert "Give it one with `id=`." in problem
    assert "unusable" in problems_of(step(), id=name)[0]


@pytest.mark.parametrize("name", ["inputs", "ctx", "config", "runtime"])
def test_a_step_cannot_have_the_name_of_what_any_step_may_ask_for(name: str) -> None:
    """A parameter of that name would be either."""
    (problem,) = problems_of(step(name))
    assert "the name is taken" in problem


def test_a_step_cannot_have_the_name_of_a_field_of_the_inputs() -> None:
    """A parameter of that name would be either."""
    (problem,) = problems_of(step("hue"), inputs=Brief)
    assert problem.startswith("step 'hue': a field of the inputs has the same name")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (ChangeSpec(type="x", reruns=("b",)), "it reruns 'b', which is no step"),
        (ChangeSpec(type="x", reruns="abc"), "reruns is the text 'abc'"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", reruns=3), "reruns is 3; give a tuple of ids"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", description=3), "description is 3; use a text"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", apply=3), "apply is 3; give a function"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", apply=later), "apply is async"),  # type: ignore[arg-type]
        (ChangeSpec(type="x", payload=type("Plain", (), {})), "is no model"),
        (ChangeSpec(type="y"), "it is listed as 'x'"),
        (3, "give a ChangeSpec"),
    ],
    ids=[str(number) for number in range(9)],
)
def test_a_change_that_means_nothing_is_refused(change: Any, problem: str) -> None:
    """With its type."""
    (found,) = problems_of(step(), changes={"x": change})
    assert problem in found


@pytest.mark.parametrize("inputs", [int, dict, 3, "Brief"])
def test_inputs_without_fields_are_refused(inputs: Any) -> None:
    """And parameters that they may have had are not blamed."""
    (found,) = problems_of(step(run=lambda hue: hue), inputs=inputs)
    assert found.startswith("inputs is ")


def test_what_is_no_step_is_refused() -> None:
    """A function, for one."""
    assert problems_of(len) == ("<built-in function len> is no StepSpec.",)  # type: ignore[arg-type]
    assert problems_of() == ("it has no steps.",)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"steps": 3}, "steps is 3; give a tuple of StepSpecs"),
        ({"steps": "abc"}, "steps is 'abc'; give a tuple"),
        ({"changes": None}, "changes is None; give a dict"),
        ({"changes": [ChangeSpec(type="x")]}, "give a dict of ChangeSpecs by type"),
    ],
    ids=["number", "text", "none", "list"],
)
def test_a_spec_whose_parts_cannot_be_listed_is_refused(wrong: Any, problem: str) -> None:
    """When it is registered, and when it is made a `Workflow`."""
    spec = WorkflowSpec(**{"id": "w", "steps": (step(),), **wrong})
    for read in (lambda: WorkflowRegistry([spec]), lambda: Workflow.from_spec(spec)):
        with pytest.raises(WorkflowDefinitionError, match=problem):
            read()


def test_what_is_no_step_of_a_spec_is_refused_when_the_workflow_is_checked() -> None:
    """Until then nobody asks what it runs."""
    flow = Workflow.from_spec(WorkflowSpec(id="w", steps=(3,)))  # type: ignore[arg-type]
    with pytest.raises(WorkflowDefinitionError, match="3 is no StepSpec"):
        flow.blueprint()


def test_a_description_is_a_text() -> None:
    """It is shown to people."""
    assert problems_of(step(), description=3) == ("description is 3; use a text.",)


@pytest.mark.parametrize("declared", [type("Plain", (), {}), "NoSuch", 3], ids=["class", "text", "number"])
def test_a_type_that_cannot_be_kept_is_told_on_one_line(declared: Any) -> None:
    """Without what pydantic tells those who write types for it."""
    (problem,) = problems_of(step(output=declared))
    assert "cannot be kept as JSON" in problem
    assert "\n" not in problem


@pytest.mark.parametrize("junk", [3, "w", lambda: 1])
def test_what_is_no_workflow_is_refused(junk: Any) -> None:
    """By its type."""
    with pytest.raises(TypeError, match="Expected a WorkflowSpec"):
        WorkflowRegistry([junk])
    with pytest.raises(TypeError, match="Expected a WorkflowSpec"):
        Workflow.from_spec(junk)


def test_a_change_is_defined_once() -> None:
    """Said where it is written."""
    flow = Workflow("w")
    flow.on_change("x")
    with pytest.raises(WorkflowDefinitionError, match="change 'x': it is defined twice"):
        flow.on_change("x")


def test_a_function_of_several_steps_is_no_name() -> None:
    """Which one is meant cannot be known."""

    def double(inputs: Any) -> Any:
        return inputs

    flow = Workflow("w")
    flow.step(double, id="a")
    flow.step(double, id="b")
    with pytest.raises(WorkflowDefinitionError, match="double runs in several steps: a, b"):
        flow.on_change("x", reruns=[double])
    with pytest.raises(WorkflowDefinitionError, match="name the one you mean by its id"):
        flow.step(lambda: 1, id="c", depends_on=[double])


def test_an_unknown_option_is_a_type_error() -> None:
    """As of any function, with the name of the step."""
    with pytest.raises(
        TypeError, match=r"Step 'generate': there is no option 'retrys'\. Did you mean 'retry'\?"
    ):
        Workflow("w").step(generate, retrys=3)  # type: ignore[call-overload]


def test_a_text_in_place_of_a_function_is_a_type_error() -> None:
    """Whoever writes `@flow.step("price")` means its id."""
    with pytest.raises(TypeError, match="name a step with id='price'"):
        Workflow("w").step("price")  # type: ignore[call-overload]


@pytest.mark.parametrize("type", ["", None, [], generate], ids=["empty", "none", "list", "function"])
def test_the_type_of_a_change_is_a_text(type: Any) -> None:  # noqa: A002
    """Said where it is written."""
    with pytest.raises(WorkflowDefinitionError, match="the type is unusable"):
        Workflow("w").on_change(type)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (generate, "depends_on is <function generate .*; give a tuple of ids"),
        (3, "depends_on is 3; give a tuple of ids"),
        ([3], "it depends on '3', which is no step"),
        ([generate], "it depends on 'generate', which is no step"),
    ],
    ids=["function", "number", "list of numbers", "function of no step"],
)
def test_what_a_decorated_step_cannot_wait_for_is_named(given: Any, problem: str) -> None:
    """As it was written."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a", depends_on=given)
    with pytest.raises(WorkflowDefinitionError, match=problem):
        flow.blueprint()


def test_a_registry_knows_what_was_registered() -> None:
    """In its order; the same workflow may be registered again."""
    one, two = Workflow("one"), Workflow("two")
    one.step(lambda: 1, id="a")
    two.step(lambda: 1, id="a")
    registry = WorkflowRegistry([one])
    blueprint = registry.register(two)
    assert registry.get_workflow("two") is blueprint
    assert registry.register(two) is blueprint
    assert [each.id for each in registry.list_workflows()] == ["one", "two"]


def test_what_is_added_too_late_is_told() -> None:
    """In a notebook, say: the engine has been made before, and would go on without it in silence."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a")
    WorkflowRegistry([flow])
    with pytest.warns(UserWarning, match="an engine that was made with it does not get the step 'b'") as told:
        flow.step(id="b")(lambda: 2)
    assert [Path(each.filename) for each in told] == [Path(__file__)]
    with pytest.warns(UserWarning, match="does not get the change 'c'"):
        flow.on_change("c")


def test_two_workflows_of_one_id_are_refused() -> None:
    """The first stays; each way out is named."""
    registry = WorkflowRegistry([WorkflowSpec(id="w", steps=(step(),))])
    before = registry.get_workflow("w")
    with pytest.raises(WorkflowDefinitionError, match="another workflow is registered under this id"):
        registry.register(WorkflowSpec(id="w", steps=(step("b"),)))
    assert registry.get_workflow("w") is before


@pytest.mark.parametrize("junk", [3, Workflow("w")], ids=["number", "workflow"])
def test_a_registry_takes_a_list(junk: Any) -> None:
    """A workflow alone is none."""
    with pytest.raises(TypeError, match="Expected a list of workflows"):
        WorkflowRegistry(junk)


@pytest.mark.parametrize("junk", [3, [], None])
def test_what_is_no_name_is_an_unknown_workflow(junk: Any) -> None:
    """Hashable or not."""
    with pytest.raises(UnknownWorkflowError, match=r"Registered: none\. Give its id"):
        WorkflowRegistry().get_workflow(junk)


def test_an_unknown_workflow_is_told_with_the_known_ones() -> None:
    """It is a LookupError, too, and survives pickle."""
    registry = WorkflowRegistry([WorkflowSpec(id="shop.v1", steps=(step(),))])
    with pytest.raises(
        UnknownWorkflowError, match=r"Registered: shop.v1. Did you mean 'shop.v1'\?"
    ) as refused:
        registry.get_workflow("shop.v2")
    assert isinstance(refused.value, LookupError)
    again = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - it is ours
    assert (again.workflow, str(again)) == ("shop.v2", str(refused.value))


def functions(parameters: Callable[[int], str]) -> list[StepSpec]:
    """Many steps with these parameters."""
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
    """Nothing recurses."""
    steps = functions(parameters)
    last = step("last", depends_on=tuple(each.id for each in steps))
    (blueprint,) = WorkflowRegistry([WorkflowSpec(id="w", steps=(*steps, last))]).list_workflows()
    assert blueprint.dag.order[-1] == "last"


@pytest.mark.no_cover
@pytest.mark.no_cover
def test_10_000_problems_are_told() -> None:
    """All in `problems`, the first in the message; only the first few are compared with all names."""
    found = problems_of(*functions(lambda n: f"s{n}_s"))
    assert len(found) == MANY
    assert sum("Did you mean" in problem for problem in found) <= 5
    with pytest.raises(WorkflowDefinitionError, match="and 9980 more") as refused:
        WorkflowRegistry([WorkflowSpec(id="w", steps=tuple(functions(lambda n: f"s{n}_s")))])
    assert len(str(refused.value)) < 10_000


@pytest.mark.no_cover
def test_a_long_cycle_is_told_in_short() -> None:
    """By its beginning and its end."""
    (problem,) = problems_of(*functions(lambda n: f"s{(n - 1) % MANY}"))
    assert "(9989 more)" in problem
    assert len(problem) < 500

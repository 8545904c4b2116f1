"""The fingerprint of a step's code: which changes alter it, and which do not."""

import functools
import linecache
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest

from langgraph_runner.workflow import Workflow
from langgraph_runner.workflow.definition.fingerprint import fingerprint_of

pytestmark = pytest.mark.req("R-6")
PLAIN = "def work(x):\n    return x + 1\n"


def made(source, name="work"):
    """Return a function from a file with this source."""
    file = f"<made {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {}
    exec(compile(source, file, "exec"), names)  # noqa: S102 - written above
    return names[name]


@pytest.mark.parametrize(
    "source",
    [
        "\n\n# said\ndef work(x):\n    # why\n    return (x + 1)\n",
        'def work(x: int) -> int:\n    """Doc."""\n    return x + 1\n',
        "import functools\n@functools.lru_cache\ndef work(x):\n    return x + 1\n",
    ],
)
def test_comments_annotations_and_positions_do_not_count(source):
    """They do not change what the step does."""
    assert fingerprint_of(made(source)) == fingerprint_of(made(PLAIN))


@pytest.mark.parametrize(
    "source", [PLAIN.replace("1", "2"), PLAIN.replace("+", "-"), PLAIN.replace("(x)", "(x, y=2)")]
)
def test_other_code_and_other_defaults_count(source):
    """They change the result of the step."""
    assert fingerprint_of(made(source)) != fingerprint_of(made(PLAIN))


def test_the_values_of_a_closure_count():
    """One factory can make different steps."""

    def times(factor):
        return lambda x: x * factor

    assert fingerprint_of(times(2)) == fingerprint_of(times(2))
    assert fingerprint_of(times(2)) != fingerprint_of(times(3))


def test_only_immutable_values_of_a_closure_count():
    """A list may differ at the next call."""

    def of(value):
        return lambda: value

    for one, other in [(Decimal(1), Decimal(2)), (date(2026, 1, 1), date(2026, 1, 2)), ((1,), (2,))]:
        assert fingerprint_of(of(one)) != fingerprint_of(of(other))
    assert fingerprint_of(of([1])) == fingerprint_of(of([2]))


def test_a_wrapper_counts():
    """A decorator around the function is part of what the step does."""

    def times(factor):
        def decorate(function):
            @functools.wraps(function)
            def wrapper(x):
                return function(x) * factor

            return wrapper

        return decorate

    plain = made(PLAIN)
    kinds = [plain, times(2)(plain), times(3)(plain), times(2)(times(3)(plain))]
    assert len({fingerprint_of(each) for each in kinds}) == len(kinds)
    assert fingerprint_of(times(2)(plain)) == fingerprint_of(times(2)(plain))


def test_the_annotations_of_a_class_in_a_step_count():
    """They may be the fields of a model."""
    source = "def work(x):\n    class Row(Model):\n        n: int\n    y: int = 1\n    return Row"
    assert fingerprint_of(made(source)) != fingerprint_of(made(source.replace("n: int", "n: str")))
    assert fingerprint_of(made(source)) == fingerprint_of(made(source.replace("y: int", "y: str")))


@pytest.mark.parametrize("other", ["x + 2", "x - 1", "1 + x", "max(x, 1)"])
def test_functions_without_source_are_known_by_their_bytecode(other):
    """Examples are generated functions. Different code gives different fingerprints."""
    one, same, changed = (eval(f"lambda x: {body}") for body in ("x + 1", "x + 1", other))  # noqa: S307 - written here
    assert fingerprint_of(one) == fingerprint_of(same)
    assert fingerprint_of(one) != fingerprint_of(changed)


def test_several_lambdas_of_one_line_are_told_apart():
    """Name and line are the same for all of them."""
    more, less, swapped = lambda x: pow(x, 2), lambda x: -pow(x, 2), lambda x: pow(2, x)  # fmt: skip
    assert len({*map(fingerprint_of, (more, less, swapped))}) == 3


def test_the_order_of_a_constant_set_does_not_count():
    """It differs between processes, because Python seeds its hashes."""
    asked = (
        "from langgraph_runner.workflow.definition.fingerprint import fingerprint_of\n"
        "print(fingerprint_of(eval(\"lambda x: x in {'a', 'b', 'c', 'd'}\")))"
    )
    found = {
        subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-c", asked],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_partials_objects_and_methods_are_known_by_their_function():
    """A class is identified by its name."""

    class Greeter:
        def __call__(self, x):
            return x

        def shout(self, x):
            return x + "!"

    kinds = [functools.partial(made(PLAIN)), Greeter(), Greeter().shout, made(PLAIN), len, Greeter]
    assert len({fingerprint_of(each) for each in kinds}) == len(kinds)


def test_a_version_replaces_the_fingerprint():
    """Two releases with one version share their results; without a version they do not."""
    for version, is_same in (("1", True), (None, False)):
        hashes = set()
        for source in (PLAIN, PLAIN.replace("1", "2")):
            flow = Workflow("w")
            flow.step(made(source.replace("(x)", "(inputs)")), version=version)
            hashes.add(flow.blueprint().steps["work"].version)
        assert (len(hashes) == 1) is is_same

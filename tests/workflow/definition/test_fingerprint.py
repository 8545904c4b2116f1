"""The fingerprint of a step's code: which changes alter it, and which do not."""

import functools
import importlib
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest
from langchain_core.runnables import RunnableLambda

from langgraph_runner.workflow import Workflow
from langgraph_runner.workflow.definition.fingerprint import fingerprint_of

pytestmark = pytest.mark.req("R-6")
PLAIN = "def work(x):\n    return x + 1\n"


def made(source, name="work"):
    """Return a function from a module with this source."""
    names = {}
    exec(compile(source, f"<made {hash(source)}>", "exec"), names)  # noqa: S102 - written above
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


def test_the_decorators_of_a_nested_function_count():
    """They change what the step does."""
    source = "def work(x):\n    @double\n    def inner(): return x\n    return inner()"
    assert fingerprint_of(made(source)) != fingerprint_of(made(source.replace("double", "triple")))


class CountCalls:
    """A decorator that is a class."""

    def __init__(self, function):
        functools.update_wrapper(self, function)

    def __call__(self, x):
        """Call the function."""
        return self.__wrapped__(x)


def test_a_wrapper_that_is_an_object_does_not_hide_the_function():
    """`functools.update_wrapper` says which function it wraps."""
    plain, other = made(PLAIN), made(PLAIN.replace("1", "2"))
    assert len({fingerprint_of(each) for each in (plain, CountCalls(plain), CountCalls(other))}) == 3
    assert fingerprint_of(CountCalls(plain)) == fingerprint_of(CountCalls(made(PLAIN)))


def test_functions_in_a_closure_count():
    """A decorator calls the function of the step, whether or not it uses `functools.wraps`."""

    def of(first, second):
        return lambda x: first(second(x))

    one, other = made(PLAIN), made(PLAIN.replace("1", "2"))
    pairs = [(one, one), (one, other), (other, one), (functools.partial(one), other)]
    assert len({fingerprint_of(of(*pair)) for pair in pairs}) == len(pairs)
    assert fingerprint_of(of(one, other)) == fingerprint_of(of(made(PLAIN), other))


def test_a_function_that_calls_itself_has_a_fingerprint():
    """Its closure contains itself."""

    def of(base):
        def power(x):
            return power(x - 1) * base if x else 1

        return power

    assert fingerprint_of(of(2)) == fingerprint_of(of(2)) != fingerprint_of(of(3))


def test_both_functions_of_a_runnable_lambda_count():
    """An awaited run calls the second."""

    def of(factor):
        async def work(x):
            return x * factor

        return RunnableLambda(made(PLAIN), afunc=work)

    assert fingerprint_of(of(2)) == fingerprint_of(of(2)) != fingerprint_of(of(3))


def test_the_fingerprint_is_that_of_the_code_that_runs(tmp_path, monkeypatch):
    """The file may have changed since it was imported, and be imported again."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file, changed = tmp_path / "fingerprinted.py", PLAIN.replace("1", "22")
    file.write_text(PLAIN)
    module = importlib.import_module("fingerprinted")
    try:
        before = module.work
        file.write_text(changed)
        assert fingerprint_of(before) == fingerprint_of(made(PLAIN))
        importlib.invalidate_caches()
        importlib.reload(module)
        assert fingerprint_of(module.work) == fingerprint_of(made(changed))
        assert fingerprint_of(before) == fingerprint_of(made(PLAIN))
    finally:
        del sys.modules["fingerprinted"]


def test_what_a_try_covers_counts():
    """The instructions may be the same."""
    inside = made("def work(x):\n    try:\n        x()\n        x()\n    except ValueError:\n        pass\n")
    after = made(
        "def work(x):\n    try:\n        x()\n    except ValueError:\n        pass\n    else:\n        x()\n"
    )
    assert fingerprint_of(inside) != fingerprint_of(after)


def test_calls_do_not_change_the_fingerprint():
    """Python replaces instructions of a function that is called often."""
    work = made("def work(x):\n    for _ in range(100):\n        x = x + 1\n    return x\n")
    before = fingerprint_of(work)
    for number in range(200):
        work(number)
    assert fingerprint_of(work) == before


def test_the_place_of_a_nested_class_does_not_count():
    """Since Python 3.13 a class knows its line."""
    source = "def work(x):\n    class Row:\n        n = x\n    return Row"
    for lines in (1, 300):
        assert fingerprint_of(made("\n" * lines + source)) == fingerprint_of(made(source))


def test_the_annotations_of_a_class_in_a_step_count():
    """They may be the fields of a model."""
    source = "def work(x):\n    class Row(Model):\n        n: int\n    y: int = 1\n    return Row"
    assert fingerprint_of(made(source)) != fingerprint_of(made(source.replace("n: int", "n: str")))
    assert fingerprint_of(made(source)) == fingerprint_of(made(source.replace("y: int", "y: str")))


@pytest.mark.parametrize("other", ["x + 2", "x - 1", "1 + x", "max(x, 1)"])
def test_functions_without_source_have_a_fingerprint(other):
    """Examples are generated functions."""
    one, same, changed = (eval(f"lambda x: {body}") for body in ("x + 1", "x + 1", other))  # noqa: S307 - written here
    assert fingerprint_of(one) == fingerprint_of(same)
    assert fingerprint_of(one) != fingerprint_of(changed)


def test_several_lambdas_of_one_line_are_told_apart():
    """Name and line are the same for all of them."""
    more, less, swapped = lambda x: pow(x, 2), lambda x: -pow(x, 2), lambda x: pow(2, x)  # fmt: skip
    assert len({*map(fingerprint_of, (more, less, swapped))}) == 3


def test_the_order_of_sets_does_not_count():
    """It differs between processes, because Python seeds its hashes. A class has sets of its attributes in 3.13."""
    asked = (
        "from langgraph_runner.workflow.definition.fingerprint import fingerprint_of\n"
        "def work(x):\n"
        "    class Row:\n"
        "        def __init__(self):\n"
        "            self.a = self.b = self.c = self.d = 1\n"
        "    return x in {'a', 'b', 'c', 'd'}, Row\n"
        "print(fingerprint_of(work))"
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

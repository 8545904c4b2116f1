"""The known differences, and their reasons. Each comparison that is named here must differ."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

__all__ = ["LEFT", "Difference", "expected_difference"]


@dataclass(frozen=True)
class Difference:
    """A difference that users can observe."""

    what: str
    reason: str
    graphs: tuple[str, ...]
    """Patterns of the names of graphs that show it."""
    observations: tuple[str, ...]
    """The observations that show it."""


RUNS: Final = ("callbacks", "traces", "events_v2")
BEHAVIOUR: Final = (
    *("results", "results_v2", "each_stream_alone", "each_stream_alone_v2", "all_streams", "all_streams_v2"),
    *("events_v2", "events_v3", "callbacks", "traces", "states", "durability", "time_travel"),
)

LEFT: Final = (
    Difference(
        "A value that LangGraph refuses to write to the state is refused by the node with "
        "`InvalidNodeOutputError`, which is also an `InvalidUpdateError`. A key that is not a string is "
        "refused, not dropped.",
        "Retry, fallback and capture can then act on it. The message names the node and says what to return.",
        tuple(
            f"returns.{name}"
            for name in (
                *("a_number", "a_string", "a_list", "an_empty_list", "a_set", "a_dict_with_other_keys"),
            )
        ),
        BEHAVIOUR,
    ),
    Difference(
        "A parameter `config` always gets the config. LangGraph warns and passes nothing if its annotation "
        "is not one of five that it knows, for example `dict`, or a union with `None` in a module whose "
        "annotations are strings.",
        "The node needs the config itself, and a function that names a parameter `config` expects it.",
        ("injection*.config_of_another_type", "injection_strings.config_or_none"),
        (*BEHAVIOUR, "structure"),
    ),
    Difference(
        "Callbacks and traces show a `RunnableSequence` as one run below the node, with its steps inside. "
        "LangGraph takes the sequence apart and shows the steps directly below the node.",
        "A retry and a timeout apply to the sequence as a whole.",
        ("runnables.sequences", "runnables.prompts", "runnables.that_fails", "models.chains"),
        RUNS,
    ),
    Difference(
        "Callbacks and traces show `config: None` among the inputs of a `@task` that is made directly of a "
        "node.",
        "A node receives its config through this parameter.",
        (
            *("functional.task_of_an_action", "functional.task_of_any_value", "functional.interrupted_*"),
            "functional.task_that_fails",
        ),
        RUNS,
    ),
    Difference(
        "In the JSON of a drawing, the kind of a generator's node is the function's name, not "
        "`RunnableLambda`.",
        "`add_sequence()` reads a node's name from the same attribute, and the name is more important.",
        ("callables.generators*", "callables.async_generators"),
        ("structure",),
    ),
    Difference(
        "`StopIteration` that leaves a function becomes a `RuntimeError` with the `StopIteration` as its "
        "cause.",
        "Python does not allow a coroutine to raise it (PEP 479), and the pipeline of a node consists of "
        "coroutines.",
        ("failures.stop_iteration",),
        BEHAVIOUR,
    ),
)


def expected_difference(graph: str, observation: str) -> Difference | None:
    """Return the known difference of this comparison, if any."""
    for difference in LEFT:
        if observation in difference.observations and any(fnmatch(graph, p) for p in difference.graphs):
            return difference
    return None

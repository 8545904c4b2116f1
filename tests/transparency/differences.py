"""The differences that are left, and why. A comparison that is named here has to differ, or the table is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

__all__ = ["LEFT", "Difference", "expected_difference"]


@dataclass(frozen=True)
class Difference:
    """Something that can be told from the outside."""

    what: str
    reason: str
    graphs: tuple[str, ...]
    """Patterns of the names of graphs that show it."""
    observations: tuple[str, ...]
    """What shows it."""


RUNS: Final = ("callbacks", "traces", "events_v2")
BEHAVIOUR: Final = (
    *("results", "results_v2", "each_stream_alone", "each_stream_alone_v2", "all_streams", "all_streams_v2"),
    *("events_v2", "events_v3", "callbacks", "traces", "states", "durability", "time_travel"),
)

LEFT: Final = (
    Difference(
        "What LangGraph refuses to write to the state is refused by the node, as `InvalidNodeOutputError`,"
        " which is an `InvalidUpdateError` too; a key that is no string is refused, not dropped.",
        "It has to be a failure of the node for a retry, a fallback or a capture to see it, and the message names"
        " the node and what to return.",
        tuple(
            f"returns.{name}"
            for name in (
                *("a_number", "a_string", "a_list", "an_empty_list", "a_set", "a_dict_with_other_keys"),
            )
        ),
        BEHAVIOUR,
    ),
    Difference(
        "A parameter `config` is always given the config. LangGraph warns and passes nothing where its annotation"
        " is none of five that it knows, such as `dict`, or `RunnableConfig | None` in a module whose annotations"
        " are strings.",
        "The runner needs the config for itself, and a function that asks for it by name means it.",
        ("injection*.config_of_another_type", "injection_strings.config_or_none"),
        (*BEHAVIOUR, "structure"),
    ),
    Difference(
        "Callbacks and traces show a `RunnableSequence` as a run of its own below the node, with its steps in it."
        " LangGraph takes the sequence apart and shows the steps below the node.",
        "The sequence is attempted as a whole.",
        ("runnables.sequences", "runnables.prompts", "runnables.that_fails", "models.chains"),
        RUNS,
    ),
    Difference(
        "Callbacks and traces show `config: None` among the inputs of a `@task` that is made of a node directly.",
        "It is the parameter by which a node is given its config.",
        (
            *("functional.task_of_an_action", "functional.task_of_any_value", "functional.interrupted_*"),
            "functional.task_that_fails",
        ),
        RUNS,
    ),
    Difference(
        "The JSON of a drawing calls the kind of a generator's node by the function, not `RunnableLambda`.",
        "`add_sequence()` reads a node's name from the same attribute, and the name matters more.",
        ("callables.generators*", "callables.async_generators"),
        ("structure",),
    ),
    Difference(
        "`StopIteration` that a function lets out is a `RuntimeError` with the `StopIteration` as its cause.",
        "Python allows no coroutine, and the pipeline is made of them, to raise it (PEP 479).",
        ("failures.stop_iteration",),
        BEHAVIOUR,
    ),
)


def expected_difference(graph: str, observation: str) -> Difference | None:
    """The difference that this comparison is known to show."""
    for difference in LEFT:
        if observation in difference.observations and any(fnmatch(graph, p) for p in difference.graphs):
            return difference
    return None

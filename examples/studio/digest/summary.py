"""The summary: sentences from the text, chosen by a small graph that a node calls.

Sentences score by how often their words occur in the whole text: Luhn, "The Automatic Creation of Literature
Abstracts", 1958.
"""

from collections import Counter
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph

from examples.studio.digest.sections import sentences, words
from examples.studio.digest.state import DigestState
from langgraph_runner import GraphState, create_node

LENGTH = 3
SHORT = 4
"""Shorter words, such as the, and, is, do not count."""


class RankingState(GraphState, total=False):
    """The sentences, their scores, and the best of them."""

    sentences: list[str]
    scores: list[float]
    best: list[str]


def score(state: RankingState) -> dict[str, Any]:
    """Score each sentence by the mean frequency of its words."""
    lines = [[word.lower() for word in words(line) if len(word) >= SHORT] for line in state["sentences"]]
    frequency = Counter(word for line in lines for word in line)
    return {"scores": [sum(frequency[word] for word in line) / (len(line) + 1) for line in lines]}


def pick(state: RankingState) -> dict[str, Any]:
    """Take the best, in the order of the text."""
    numbers = range(len(state["sentences"]))
    best = sorted(sorted(numbers, key=lambda number: -state["scores"][number])[:LENGTH])
    return {"best": [state["sentences"][number] for number in best]}


builder = StateGraph(RankingState)
# These nodes raise, because the node that calls this graph has the retry and captures the error.
builder.add_node("score", create_node(score, on_error="raise"))
builder.add_node("pick", create_node(pick, on_error="raise"))
builder.add_edge(START, "score")
builder.add_edge("score", "pick")
ranking = builder.compile(name="ranking")


async def summarise(state: DigestState) -> dict[str, Any]:
    """Rank the sentences, and return the best as a message."""
    lines = [line for section in state["sections"] for line in sentences(section["text"])]
    ranked = await ranking.ainvoke({"sentences": lines})
    return {"messages": [AIMessage("\n\n".join(ranked["best"]))]}

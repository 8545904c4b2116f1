"""Interrupts of wrapped nodes, as LangGraph Studio shows and answers them."""

from __future__ import annotations

import pytest

from tests.examples.studio import COMMITS, asked


@pytest.mark.req("N-26")
def test_a_question_waits_in_the_thread(studio, thread):
    """It has its payload and belongs to the task of the wrapped node."""
    studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": COMMITS})
    found = studio.threads.get(thread)
    assert found["status"] == "interrupted"
    (question,) = asked(studio, thread)
    assert question["notes"] == "## 1.0\n\n### Added\n\n- Cli: add a flag\n\n### Fixed\n\n- Keep the draft"
    (task,) = studio.threads.get_state(thread)["tasks"]
    assert (task["name"], task["error"]) == ("review", None)
    assert [one["value"] for one in task["interrupts"]] == [question]


@pytest.mark.req("N-26")
def test_an_invalid_answer_is_asked_again(studio, thread):
    """This may happen any number of times; earlier answers are not lost."""
    studio.runs.wait(thread, "release_notes", input={"version": "1.0", "commits": COMMITS})
    problems = []
    for answer in ("maybe", {"action": "edit"}, 7):
        studio.runs.wait(thread, "release_notes", command={"resume": answer})
        problems += [question["problem"] for question in asked(studio, thread)]
    assert len(problems) == 3
    assert "does not match any of the expected tags" in problems[0]
    assert problems[1] == "Not understood: Field required."
    ended = studio.runs.wait(thread, "release_notes", command={"resume": " Approve "})
    assert ended["gate_decisions"]["review"]["decision"] == "approved"
    assert studio.threads.get(thread)["status"] == "idle"


@pytest.mark.parametrize("answer", ["edit: Mine.", {"action": "edit", "text": "Mine."}], ids=["text", "json"])
def test_edited_notes_are_published_to_the_store(studio, thread, answer):
    """Studio shows the store as memory: namespaces, items, one item."""
    version = f"2.0-{thread}"
    studio.runs.wait(thread, "release_notes", input={"version": version, "commits": COMMITS})
    ended = studio.runs.wait(thread, "release_notes", command={"resume": answer})
    assert (ended["notes"], ended["routing_flags"]) == ("Mine.", {"proceed": True, "complete": True})
    assert studio.store.get_item(["release_notes"], version)["value"] == {"notes": "Mine."}
    assert ["release_notes"] in studio.store.list_namespaces()["namespaces"]
    assert version in {item["key"] for item in studio.store.search_items(["release_notes"])["items"]}


def test_rejected_notes_are_not_published(studio, thread):
    """The reason is stored with the decision."""
    version = f"3.0-{thread}"
    studio.runs.wait(thread, "release_notes", input={"version": version, "commits": COMMITS})
    ended = studio.runs.wait(thread, "release_notes", command={"resume": "reject: too thin"})
    decision = {"decision": "rejected", "reason": "too thin", "decided_by": "reviewer"}
    assert (ended["gate_decisions"]["review"], ended["routing_flags"]) == (decision, {"proceed": False})
    assert version not in {item["key"] for item in studio.store.search_items(["release_notes"])["items"]}


@pytest.mark.req("N-26")
def test_questions_of_nested_branches_are_answered_by_their_ids(studio, thread):
    """They are two wrapped subgraphs deep, in parallel, with a retry; each answer reaches its question once."""
    studio.runs.wait(thread, "nested_questions", input={})
    assert sorted(asked(studio, thread)) == ["left: name?", "right: name?"]
    answers = {"left: name?": "Ada", "right: name?": "Alan", "left: age?": "36", "right: age?": "41"}
    for _ in range(2):
        interrupts = studio.threads.get(thread)["interrupts"].values()
        resume = {one["id"]: answers[one["value"]] for questions in interrupts for one in questions}
        state = studio.runs.wait(thread, "nested_questions", command={"resume": resume})
    assert state["answers"] == {"left": ["Ada", "36"], "right": ["Alan", "41"]}
    assert (state["errors"], studio.threads.get(thread)["status"]) == ([], "idle")


def test_the_state_of_a_subgraph_that_asks_is_shown(studio, thread):
    """`get_state(subgraphs=True)` includes the node that waits."""
    studio.runs.wait(thread, "nested_questions", input={})
    tasks = studio.threads.get_state(thread, subgraphs=True)["tasks"]
    inner = [task["state"]["tasks"][0]["state"] for task in tasks]
    assert sorted(state["values"]["who"] for state in inner) == ["left", "right"]
    assert [state["next"] for state in inner] == [["ask"], ["ask"]]

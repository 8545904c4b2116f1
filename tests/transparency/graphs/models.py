"""Models that stream tokens, tools, and agents. All models are fake."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import Annotated, Any, Literal

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage, trim_messages
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolCallId, StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import InjectedState, InjectedStore, ToolNode, create_react_agent, tools_condition
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, Send, interrupt

from tests.transparency.scenario import MEDIUM, Form, graph

ONLY = MEDIUM


class Fake(GenericFakeChatModel):
    """A model that streams its given answers word by word, and accepts tools."""

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        """Accept the tools and ignore them."""
        return self


def model(*answers: Any) -> Fake:
    """Return a model with these answers; each answer has its own id."""
    messages = [
        AIMessage(answer, id=f"m{i}") if isinstance(answer, str) else answer
        for i, answer in enumerate(answers)
    ]
    return Fake(messages=iter(messages * 40))


def calling(name: str, /, **arguments: Any) -> AIMessage:
    """Return an answer that calls a tool."""
    call = {"name": name, "args": arguments, "id": f"call-{name}", "type": "tool_call"}
    return AIMessage("", id=f"calls-{name}", tool_calls=[call])


class State(MessagesState, total=False):
    """What the graphs here work on."""

    said: Annotated[list[str], add]
    user: str


ASKED = {"messages": [HumanMessage("hello", id="h")]}


def compiled(wrap: Form, *nodes: Any, **options: Any) -> Any:
    """Compile a chain of these nodes."""
    builder = StateGraph(State).add_sequence([(f"n{i}", node) for i, node in enumerate(nodes)])
    return builder.add_edge(START, "n0").compile(checkpointer=InMemorySaver(), **options)


@graph(ASKED, only=None)
def called_in_a_function(wrap: Form) -> Any:
    """The tokens of a model are streamed even if the node calls `invoke()`."""
    llm = model("hello to you", "and more words")

    def call(state: State, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [llm.invoke(state["messages"], config)]}

    async def acall(state: State) -> dict[str, Any]:
        return {"messages": [await llm.ainvoke(state["messages"])]}

    return compiled(wrap, wrap(acall if wrap.mode == "async" else call))


@graph(ASKED)
def called_without_a_config(wrap: Form) -> Any:
    """A model that is called without a config gets the callbacks from the context."""
    llm = model("hello to you").with_config(tags=["joke"])

    def call(state: State) -> dict[str, Any]:
        return {
            "messages": llm.invoke(state["messages"]),
            "said": [chunk.content for chunk in llm.stream("x")],
        }

    return compiled(wrap, wrap(call))


@graph(ASKED)
def hidden_from_the_stream(wrap: Form) -> Any:
    """The tag `nostream` hides the tokens of a model."""
    llm = model("hello to you").with_config(tags=["nostream"])
    return compiled(wrap, wrap(lambda state: {"messages": llm.invoke(state["messages"])}))


@graph(
    ASKED, only=("results", "all_streams", "all_streams_v2", "events_v2", "events_v3", "callbacks", "traces")
)
def chains(wrap: Form) -> Any:
    """A prompt, a model, a parser, an update."""
    prompt = ChatPromptTemplate.from_messages([("system", "be brief"), ("placeholder", "{messages}")])
    parsed = prompt | model("one two three") | StrOutputParser() | (lambda text: {"said": [text]})
    return compiled(wrap, wrap(parsed))


@graph(
    ASKED,
    only=("results", "all_streams", "all_streams_v2", "events_v2", "events_v3", "callbacks", "structure"),
)
def model_as_a_node(wrap: Form) -> Any:
    """A model as a node; the state is a list of messages."""
    builder = StateGraph(Annotated[list[AnyMessage], add_messages])
    builder.add_node("model", wrap(model("one two")))
    return builder.add_edge(START, "model").compile()


@tool
def search(query: str) -> str:
    """Look something up."""
    return f"found {query}"


async def _search(query: str) -> str:
    return f"found {query}"


# Async in awaited graphs: a blocking tool would run in a thread there, and two of them would race.
searching = StructuredTool.from_function(
    search.func, _search, name="search", description="Look something up."
)


@tool
def broken(query: str) -> str:
    """Fail."""
    raise ValueError(query)


@tool
def remember(
    name: str, tool_call_id: Annotated[str, InjectedToolCallId], store: Annotated[Any, InjectedStore()]
) -> Command[Any]:
    """Write to the state and to the store."""
    store.put(("users",), "1", {"name": name})
    return Command(
        update={"user": name, "messages": [ToolMessage("kept", tool_call_id=tool_call_id, id="t")]}
    )


@tool
def whoami(state: Annotated[dict[str, Any], InjectedState], config: RunnableConfig) -> str:
    """Read the state and the config."""
    return f"{state.get('user')} {config['configurable']['thread_id']}"


@tool
def ask_a_person(question: str) -> str:
    """Ask."""
    return str(interrupt({"question": question}))


def agent(wrap: Form, tools: list[Any], *answers: Any) -> Any:
    """A model and a node of tools, in a loop."""
    llm = model(*answers)

    def call(state: State) -> dict[str, Any]:
        return {"messages": [llm.invoke(state["messages"])]}

    builder = StateGraph(State).add_node("model", wrap(call)).add_node("tools", wrap(ToolNode(tools)))
    builder.add_edge(START, "model").add_conditional_edges("model", tools_condition)
    return builder.add_edge("tools", "model").compile(checkpointer=InMemorySaver(), store=InMemoryStore())


@graph(ASKED, only=None)
def tools(wrap: Form) -> Any:
    """The model calls a tool, and then summarises."""
    return agent(wrap, [search], calling("search", query="cats"), "all about cats")


@graph(ASKED, {"messages": [HumanMessage("who am I?", id="h2")]})
def tools_that_update_the_state(wrap: Form) -> Any:
    """A tool that returns a command, and a tool that reads the update."""
    return agent(
        wrap, [remember, whoami], calling("remember", name="Ada"), "kept", calling("whoami"), "you are Ada"
    )


@graph(ASKED)
def tools_that_fail(wrap: Form) -> Any:
    """A tool that raises, and an unknown tool."""
    return agent(wrap, [broken, search], calling("missing"), calling("broken", query="x"), "sorry")


@graph(ASKED, Command(resume="forty-two"))
def tools_that_ask(wrap: Form) -> Any:
    """An interrupt in a tool."""
    return agent(wrap, [ask_a_person], calling("ask_a_person", question="why?"), "thanks")


@graph(ASKED)
def react_agent_as_a_node(wrap: Form) -> Any:
    """A prebuilt agent in a graph."""
    react = create_react_agent(model(calling("search", query="dogs"), "good dogs"), [search], name="react")
    return compiled(wrap, wrap(react), wrap(lambda state: {"said": [str(len(state["messages"]))]}))


@graph(ASKED)
def react_agent_called_in_a_node(wrap: Form) -> Any:
    """A prebuilt agent that a function calls."""
    react = create_react_agent(model(calling("search", query="dogs"), "good dogs"), [search])

    def call(state: State) -> dict[str, Any]:
        return {"messages": react.invoke({"messages": state["messages"]})["messages"][-1:]}

    return compiled(wrap, wrap(call))


@graph(ASKED, {"messages": [HumanMessage("more", id="h2")]})
def trimmed_messages(wrap: Form) -> Any:
    """A chain trims the messages before the model is called."""
    llm = trim_messages(strategy="last", max_tokens=2, token_counter=len) | model("short", "shorter")
    return compiled(wrap, wrap(lambda state: {"messages": llm.invoke(state["messages"])}))


def handing_over(name: str, to: str) -> Any:
    """A tool that hands over to another agent in the parent graph."""

    @tool(f"to_{to}", description="Hand over.")
    def hand_over(
        state: Annotated[dict[str, Any], InjectedState], tool_call_id: Annotated[str, InjectedToolCallId]
    ) -> Command[Any]:
        done = ToolMessage("handed over", tool_call_id=tool_call_id, name=name, id=f"to-{to}")
        messages = [*state["messages"], done]
        return Command(goto=to, graph=Command.PARENT, update={"messages": messages})

    return hand_over


@graph(ASKED)
def swarm(wrap: Form) -> Any:
    """Two prebuilt agents that hand over to each other by tools."""
    alice = create_react_agent(model(calling("to_bob")), [handing_over("alice", "bob")], name="alice")
    bob = create_react_agent(model("bob here"), [search], name="bob")
    builder = StateGraph(MessagesState).add_node("alice", wrap(alice), destinations=("bob",))
    return builder.add_node("bob", wrap(bob)).add_edge(START, "alice").compile(checkpointer=InMemorySaver())


@graph(ASKED)
def supervisor(wrap: Form) -> Any:
    """A model decides who works next."""
    script = iter(["maths", "poet", END] * 60)

    def decide(state: State) -> Command[Literal["maths", "poet", "__end__"]]:
        return Command(goto=next(script), update={"said": ["decided"]})

    def worker(name: str) -> Any:
        llm = model(f"{name} has worked")

        def work(state: State) -> Command[Literal["decide"]]:
            return Command(goto="decide", update={"messages": llm.invoke(state["messages"])})

        return work

    builder = StateGraph(State).add_node(wrap(decide)).add_edge(START, "decide")
    builder.add_node("maths", wrap(worker("maths"))).add_node("poet", wrap(worker("poet")))
    return builder.compile(checkpointer=InMemorySaver())


@graph(ASKED)
def network(wrap: Form) -> Any:
    """Each agent names the next."""

    def member(name: str, following: str) -> Any:
        def work(state: State) -> Command[Literal["one", "two", "three", "__end__"]]:
            return Command(goto=following, update={"said": [name]})

        return work

    builder = StateGraph(State).add_edge(START, "one")
    for name, following in (("one", "three"), ("two", END), ("three", "two")):
        builder.add_node(name, wrap(member(name, following)))
    return builder.compile(checkpointer=InMemorySaver())


@graph(ASKED, parallel=True)
def tool_calls_sent_one_by_one(wrap: Form) -> Any:
    """A `Send` for each tool call."""
    both = AIMessage(
        "", id="both", tool_calls=[*calling("search", query="a").tool_calls, *_second().tool_calls]
    )
    llm = model(both)

    def route(state: State) -> list[Send]:
        return [Send("tools", [call]) for call in state["messages"][-1].tool_calls]

    builder = StateGraph(State).add_node("model", wrap(lambda s: {"messages": llm.invoke(s["messages"])}))
    builder.add_node("tools", wrap(ToolNode([searching]))).add_edge(START, "model")
    return builder.add_conditional_edges("model", route, ["tools"]).compile(checkpointer=InMemorySaver())


def _second() -> AIMessage:
    message = calling("search", query="b")
    message.tool_calls[0]["id"] = "second"
    return message

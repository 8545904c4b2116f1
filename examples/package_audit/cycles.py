"""Cycles in a directed graph: its strongly connected components of more than one member."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence


def cycles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """List the groups whose members all reach each other, the largest first (Kosaraju's algorithm)."""
    forward: defaultdict[str, list[str]] = defaultdict(list)
    backward: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in sorted(set(edges)):
        forward[source].append(target)
        backward[target].append(source)
    finished = finishing_order(list(forward), lambda name: forward.get(name, ()), set())
    seen: set[str] = set()
    groups = [
        sorted(finishing_order([name], lambda name: backward.get(name, ()), seen))
        for name in reversed(finished)
        if name not in seen
    ]
    return sorted((group for group in groups if len(group) > 1), key=lambda group: (-len(group), group))


def finishing_order(
    starts: list[str], following: Callable[[str], Sequence[str]], seen: set[str]
) -> list[str]:
    """Traverse depth first from each start, skip names in ``seen``, and list names in the order of finishing."""
    finished: list[str] = []
    for start in starts:
        stack = [(start, iter((start,)))]  # the lowest frame only adds the start
        while stack:
            parent, children = stack[-1]
            child = next((name for name in children if name not in seen), None)
            if child is not None:
                seen.add(child)
                stack.append((child, iter(following(child))))
            else:
                stack.pop()
                if stack:
                    finished.append(parent)
    return finished

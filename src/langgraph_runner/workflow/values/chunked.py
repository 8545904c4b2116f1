"""`ChunkedCodec`: large lists and dicts, read and written in chunks, so that the event loop never waits long.

pydantic and json hold the interpreter's lock during a whole call. For a dict of 500,000 items that is a second, and
the event loop waits for it even if another thread makes the call. So a large output is checked, written, read back
and hashed in chunks of items, and its stored text is split between items. After each chunk the event loop gets a
turn. JSON, hash and value are exactly those of one call for the whole value.

If anything goes wrong, these functions raise without a good message. The caller then handles the value as a whole:
that error names the place within the value.
"""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic_core import from_json

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, drive
from langgraph_runner.workflow.hashing.canonical import canonical_json
from langgraph_runner.workflow.hashing.containers import plain_keys
from langgraph_runner.workflow.values.off_loop import is_large
from langgraph_runner.workflow.values.round_trip import find_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["CHUNKED_CHARS", "ChunkedCodec"]

CHUNKED_PARTS: Final = 50_000
"""Size, as `is_large` counts it, above which a value is chunked. Below, one call is faster and short enough."""
CHUNK_PARTS: Final = 10_000
"""Maximum size of a chunk: each call takes a few milliseconds."""
CHUNKED_CHARS: Final = 1_000_000
"""Length of stored JSON above which it is read in chunks."""
CHUNK_CHARS: Final = 250_000
"""Maximum length of a chunk of JSON."""
_PAUSE_S: Final = 1e-6
_FIRST_CHUNK_ITEMS: Final = 16
_CLOSING: Final = {"[": "]", "{": "}"}
_CONTAINERS: Final = {"[": list, "{": dict}
_PATTERN_LEVELS: Final = 6
_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_SCALAR: Final = rf'{_STRING}|[^][{{}}",:]++'
_SCALAR_PATTERN: Final = re.compile(_SCALAR)
_KEY_PATTERN: Final = re.compile(f"{_STRING}:")


def _members_pattern() -> re.Pattern[str]:
    """Return a pattern for as many members of a list or an object as end before `endpos`, with the comma after each.

    The pattern covers a few levels of nested containers. A member with more levels does not match. All quantifiers
    are possessive (`++`, `*+`, `?+`), so there is no backtracking and matching takes linear time.
    """
    container = "(?!)"  # Matches nothing: the innermost level has no containers.
    for _ in range(_PATTERN_LEVELS):
        container = rf'[\[{{](?:[^][{{}}"]++|{_STRING}|{container})*+[\]}}]'
    # A string may be a key. An alternative for keys of their own would match each string twice.
    member = rf"(?:{_STRING}(?::(?:{_SCALAR}|{container}))?+|{_SCALAR}|{container})"
    return re.compile(rf"(?:{member},)*+(?:{member}(?=[\]}}]))?+")


_MEMBERS_PATTERN: Final = _members_pattern()


class ChunkedCodec:
    """Reads and writes the lists and dicts of one type in chunks. Thread-safe.

    Args:
        kinds: The containers that it can split: `list`, `dict` or both.
        dump: Checks a chunk and returns its JSON.
        load: Reads the JSON of a chunk.
        items: The codec of the items, if these may be large containers; None if they may not be split; "same" for
            `Any`, whose items are `Any` again.
    """

    __slots__ = ("_dump", "_items", "_load", "kinds")

    def __init__(
        self,
        kinds: Iterable[type],
        dump: Callable[[Any], bytes],
        load: Callable[[str], Any],
        items: ChunkedCodec | Literal["same"] | None,
    ) -> None:
        self.kinds = frozenset(kinds)
        self._dump = dump
        self._load = load
        self._items = self if items == "same" else items

    def handles(self, value: Any) -> bool:
        """Return whether `value` is a container that this codec can split, and large."""
        return type(value) in self.kinds and is_large(value, CHUNKED_PARTS)

    def dump_with_hash(self, value: Any) -> tuple[bytes, str]:
        """Return the JSON of a value that `handles` accepts, and the content hash of what `load` makes of it.

        Raises:
            Exception: A chunk is refused, or differs after the round trip through JSON.
        """
        data, canonical = self.dump_container(value, ())
        return data, sha256(canonical).hexdigest()

    def load(self, data: bytes) -> Any:
        """Return the value of a large JSON text.

        Raises:
            Exception: A chunk is refused, or the text cannot be split.
        """
        text = data.decode()
        value, end = self.load_container(text, 0, 0)
        if end != len(text):
            raise ValueError("There is text after the value.")
        return value

    def dump_container(self, value: Any, outer_ids: tuple[int, ...]) -> tuple[bytes, bytes]:
        """Return the JSON of a list or a dict, and its canonical JSON, which is hashed.

        `outer_ids` are the ids of the containers that contain it.
        """
        if id(value) in outer_ids:
            raise ValueError("The value contains itself.")
        outer_ids = (*outer_ids, id(value))
        texts: list[bytes] = []
        canonical: list[bytes] = []
        by_key: dict[str, bytes] = {}
        for chunk in _chunks(value):
            text, members = self._dump_chunk(chunk, outer_ids)
            _let_event_loop_run()
            texts.append(text)
            if isinstance(members, dict):
                by_key.update(members)
            else:
                canonical.append(members)
        if type(value) is list:
            return _join(b"[", texts, b"]"), _join(b"[", canonical, b"]")
        keys = plain_keys(by_key)
        if keys is None or len(keys) != len(value):
            raise ValueError("The canonical JSON of a dict with these keys is not an object.")
        canonical = [canonical_json(key) + b":" + by_key[key] for key in keys]
        return _join(b"{", texts, b"}"), _join(b"{", canonical, b"}")

    def _dump_chunk(self, chunk: Any, outer_ids: tuple[int, ...]) -> tuple[bytes, bytes | dict[str, bytes]]:
        """Return the JSON of a chunk without its brackets, and the canonical JSON; of a dict, that of each value."""
        if len(chunk) == 1 and self._items is not None:
            key, item = next(iter(chunk.items() if type(chunk) is dict else enumerate(chunk)))
            if self._items.handles(item):
                text, canonical = self._items.dump_container(item, outer_ids)
                if type(chunk) is list:
                    return text, canonical
                # The dump of {key: []} has the key as this type writes it: `"key":` is between the outer brackets.
                empty = self._dump({key: type(item)()})
                return empty[1:-3] + text, {key: canonical}
        data = self._dump(chunk)
        back = self._load_chunk(data.decode(), len(outer_ids) - 1)
        if find_difference(chunk, back) is not None:
            raise ValueError("A chunk differs after the round trip through JSON.")
        if type(back) is dict:
            # Sorted here, so that sorting the keys of all chunks only has to merge sorted runs.
            return data[1:-1], {key: canonical_json(back[key]) for key in sorted(back)}
        return data[1:-1], canonical_json(back)[1:-1]

    def _load_chunk(self, text: str, depth: int) -> Any:
        if depth:  # pydantic limits the nesting of a whole text. A chunk must be refused at the same depth.
            from_json(f"{'[' * depth}{text}{']' * depth}")
        return self._load(text)

    def load_container(self, text: str, at: int, depth: int) -> tuple[Any, int]:
        """Return the list or dict that begins at `at`, inside `depth` others, and the position of its end."""
        opening = text[at]
        closing, result = _CLOSING[opening], _CONTAINERS[opening]()
        if type(result) not in self.kinds:
            raise ValueError(f"This codec does not split a {type(result).__name__}.")
        add = result.extend if type(result) is list else result.update
        at += 1
        while text[at] != closing:
            end = _end_of_members(text, at)
            if end > at:
                end -= text[end - 1] == ","
                add(self._load_chunk(f"{opening}{text[at:end]}{closing}", depth))
            else:
                member, end = self._load_large_member(text, at, depth, is_object=opening == "{")
                add(member)
            _let_event_loop_run()
            at = end
            if text[at] == ",":
                at += 1
                if text[at] == closing:
                    raise ValueError("There is a comma too many.")
            elif text[at] != closing:
                raise ValueError("There is no comma between two members.")
        return result, at + 1

    def _load_large_member(self, text: str, at: int, depth: int, *, is_object: bool) -> tuple[Any, int]:
        """Return a list or a dict of only the member that begins at `at`, and the position of its end."""
        key = _KEY_PATTERN.match(text, at) if is_object else None
        if is_object and key is None:
            raise ValueError("A member of an object has no key.")
        start = key.end() if key else at
        items = self._items
        if items is not None and text[start] in _CLOSING and _CONTAINERS[text[start]] in items.kinds:
            value, end = items.load_container(text, start, depth + 1)
            return {from_json(text[at : start - 1]): value} if key else [value], end
        end = _end_of_value(text, start)
        opening, closing = "{}" if key else "[]"
        return self._load_chunk(f"{opening}{text[at:end]}{closing}", depth), end


def _let_event_loop_run() -> None:
    """Release the interpreter's lock for a moment.

    Python hands the lock over every 5 ms on request. But while pydantic writes chunk after chunk, the thread of the
    event loop hardly ever gets it: in a measurement without this pause, the loop waited 2.8 s of 2.8 s.
    """
    drive(REAL_RUNTIMES.blocking.sleep(_PAUSE_S, None))


def _chunks(value: Any) -> Iterator[Any]:
    """Split a list or a dict into smaller ones of at most `CHUNK_PARTS`, or of one item.

    The number of items adapts: it doubles after a small chunk, and halves after a large one.
    """
    kind = type(value)
    members: Iterator[Any] = iter(value.items() if kind is dict else value)
    count = _FIRST_CHUNK_ITEMS
    while chunk := kind(islice(members, count)):
        if is_large(chunk, CHUNK_PARTS):
            yield from _halves(chunk)
            count = max(1, count // 2)
        else:
            yield chunk
            if not is_large(chunk, CHUNK_PARTS // 2):
                count *= 2


def _halves(chunk: Any) -> Iterator[Any]:
    if len(chunk) == 1 or not is_large(chunk, CHUNK_PARTS):
        yield chunk
        return
    kind = type(chunk)
    members: Iterator[Any] = iter(chunk.items() if kind is dict else chunk)
    yield from _halves(kind(islice(members, len(chunk) // 2)))
    yield from _halves(kind(members))


def _join(opening: bytes, parts: list[bytes], closing: bytes) -> bytes:
    if not parts:
        return opening + closing
    # The brackets go into the first and the last part: adding them to the result would copy the whole text twice.
    parts[0] = opening + parts[0]
    parts[-1] += closing
    return b",".join(parts)


def _end_of_members(text: str, at: int) -> int:
    """Return the end of as many members as fit into one chunk, with the comma after them; `at` if none fits."""
    found = _MEMBERS_PATTERN.match(text, at, at + CHUNK_CHARS)
    return found.end() if found else at


def _end_of_value(text: str, at: int) -> int:
    """Return the end of the value that begins at `at`. It may have any length and depth."""
    if scalar := _SCALAR_PATTERN.match(text, at):
        return scalar.end()
    closing = _CLOSING[text[at]]
    at += 1
    while text[at] != closing:
        end = _end_of_members(text, at)
        if end == at:
            key = _KEY_PATTERN.match(text, at)
            end = _end_of_value(text, key.end() if key else at)
            end += text[end] == ","
        at = end
    return at + 1

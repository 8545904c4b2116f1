"""`Pieces`: large lists and dicts, handled a slice at a time, so that the event loop never waits long.

pydantic and json hold the interpreter's lock for all of a call. For a dict of 500,000 items that is a second, and
the event loop waits for it though the call is made in another thread. So a large output is checked, written, read
back and hashed in slices, and its stored text is cut between items; after each slice the event loop has its turn.
JSON, hash and value are exactly those of one call for the whole. If anything goes wrong, these functions raise, and
the caller makes that one call: its error names the place within the whole value.
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
from langgraph_runner.workflow.values.fidelity import difference
from langgraph_runner.workflow.values.heavy import is_heavy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["LARGE_CHARS", "Pieces"]

LARGE_PARTS: Final = 50_000
"""Of a value, as `is_heavy` counts them. With fewer, one call for the whole is quicker and short enough."""
PIECE_PARTS: Final = 10_000
"""Of a slice: each call takes a few milliseconds."""
LARGE_CHARS: Final = 1_000_000
"""Of stored JSON; the same."""
PIECE_CHARS: Final = 250_000
_PAUSE_S: Final = 1e-6
_FIRST_SLICE: Final = 16
_CLOSING: Final = {"[": "]", "{": "}"}
_KINDS: Final = {"[": list, "{": dict}
_KNOWN_LEVELS: Final = 6
_ANY_TEXT: Final = r'"(?:[^"\\]++|\\.)*+"'
_SINGLE: Final = re.compile(rf'{_ANY_TEXT}|[^][{{}}",:]++')
_KEY: Final = re.compile(f"{_ANY_TEXT}:")


def _members_pattern() -> re.Pattern[str]:
    """Matches as many members of a list or an object as end before `endpos`, with the comma after each.

    It knows a few levels of containers. A member with more of them does not match. Nothing is ever tried twice.
    """
    single = rf'{_ANY_TEXT}|[^][{{}}",:]++'
    container = "(?!)"
    for _ in range(_KNOWN_LEVELS):
        container = rf'[\[{{](?:[^][{{}}"]++|{_ANY_TEXT}|{container})*+[\]}}]'
    # A text may be a key; to look for a key first would read each text twice.
    member = rf"(?:{_ANY_TEXT}(?::(?:{single}|{container}))?+|{single}|{container})"
    return re.compile(rf"(?:{member},)*+(?:{member}(?=[\]}}]))?+")


_MEMBERS: Final = _members_pattern()


class Pieces:
    """How the values of one type are handled in pieces. Thread-safe.

    Args:
        kinds: Which values have slices: `list`, `dict` or both.
        dump: Checks a slice and gives its JSON.
        load: Reads the JSON of a slice.
        items: The same for the items, if a large one has pieces as well; "same" for `Any`, whose items are `Any`.
    """

    __slots__ = ("_dump", "_items", "_load", "kinds")

    def __init__(
        self,
        kinds: Iterable[type],
        dump: Callable[[Any], bytes],
        load: Callable[[str], Any],
        items: Pieces | Literal["same"] | None,
    ) -> None:
        self.kinds = frozenset(kinds)
        self._dump = dump
        self._load = load
        self._items = self if items == "same" else items

    def divides(self, value: Any) -> bool:
        """Whether `value` has slices and is large."""
        return type(value) in self.kinds and is_heavy(value, LARGE_PARTS)

    def keep(self, value: Any) -> tuple[bytes, str]:
        """The JSON of a value that these pieces divide, and the content hash of what `read` makes of it.

        Raises:
            Exception: A slice is refused, or comes back from JSON as another one.
        """
        data, canonical = self.keep_inside(value, ())
        return data, sha256(canonical).hexdigest()

    def read(self, data: bytes) -> Any:
        """The value of a large JSON text.

        Raises:
            Exception: A piece of it is refused, or the text cannot be cut.
        """
        text = data.decode()
        value, end = self.read_inside(text, 0, 0)
        if end != len(text):
            raise ValueError("There is more text after the value.")
        return value

    def keep_inside(self, value: Any, around: tuple[int, ...]) -> tuple[bytes, bytes]:
        """The JSON of a list or a dict, and the canonical JSON that is hashed.

        Args:
            value: The list or dict.
            around: The ids of those that it is inside of.
        """
        if id(value) in around:
            raise ValueError("The value contains itself.")
        around = (*around, id(value))
        texts: list[bytes] = []
        canonical: list[bytes] = []
        by_key: dict[str, bytes] = {}
        for piece in _slices(value):
            text, members = self._keep_slice(piece, around)
            _let_others_run()
            texts.append(text)
            if isinstance(members, dict):
                by_key.update(members)
            else:
                canonical.append(members)
        if type(value) is list:
            return _joined(b"[", texts, b"]"), _joined(b"[", canonical, b"]")
        keys = plain_keys(by_key)
        if keys is None or len(keys) != len(value):
            raise ValueError("The canonical JSON of these keys is not that of an object.")
        canonical = [canonical_json(key) + b":" + by_key[key] for key in keys]
        return _joined(b"{", texts, b"}"), _joined(b"{", canonical, b"}")

    def _keep_slice(self, piece: Any, around: tuple[int, ...]) -> tuple[bytes, bytes | dict[str, bytes]]:
        """The JSON of a slice, without its brackets, and its canonical JSON: of a dict, that of each value."""
        if len(piece) == 1 and self._items is not None:
            key, item = next(iter(piece.items() if type(piece) is dict else enumerate(piece)))
            if self._items.divides(item):
                text, canonical = self._items.keep_inside(item, around)
                if type(piece) is list:
                    return text, canonical
                empty = self._dump({key: type(item)()})  # {"key":[]}
                return empty[1:-3] + text, {key: canonical}
        data = self._dump(piece)
        back = self._load_slice(data.decode(), len(around) - 1)
        if difference(piece, back) is not None:
            raise ValueError("A slice comes back from JSON as another one.")
        if type(back) is dict:
            # Sorted here, so that to sort the keys of all slices is only to merge them.
            return data[1:-1], {key: canonical_json(back[key]) for key in sorted(back)}
        return data[1:-1], canonical_json(back)[1:-1]

    def _load_slice(self, text: str, depth: int) -> Any:
        if depth:  # What pydantic refuses as nested too deeply must be refused here, too.
            from_json(f"{'[' * depth}{text}{']' * depth}")
        return self._load(text)

    def read_inside(self, text: str, at: int, depth: int) -> tuple[Any, int]:
        """The list or object that begins at `at`, inside `depth` others, and where it ends."""
        opening = text[at]
        closing, made = _CLOSING[opening], _KINDS[opening]()
        if type(made) not in self.kinds:
            raise ValueError(f"There is no way to read a {type(made).__name__} in pieces.")
        add = made.extend if type(made) is list else made.update
        at += 1
        while text[at] != closing:
            end = _end_of_members(text, at)
            if end > at:
                end -= text[end - 1] == ","
                add(self._load_slice(f"{opening}{text[at:end]}{closing}", depth))
            else:
                member, end = self._read_large_member(text, at, depth, is_object=opening == "{")
                add(member)
            _let_others_run()
            at = end
            if text[at] == ",":
                at += 1
                if text[at] == closing:
                    raise ValueError("There is a comma too many.")
            elif text[at] != closing:
                raise ValueError("There is no comma between two members.")
        return made, at + 1

    def _read_large_member(self, text: str, at: int, depth: int, *, is_object: bool) -> tuple[Any, int]:
        """A list or a dict of the one member that begins at `at`, and where it ends."""
        key = _KEY.match(text, at) if is_object else None
        if is_object and key is None:
            raise ValueError("A member of an object has no key.")
        start = key.end() if key else at
        items = self._items
        if items is not None and text[start] in _CLOSING and _KINDS[text[start]] in items.kinds:
            value, end = items.read_inside(text, start, depth + 1)
            return {from_json(text[at : start - 1]): value} if key else [value], end
        end = _end_of(text, start)
        opening, closing = "{}" if key else "[]"
        return self._load_slice(f"{opening}{text[at:end]}{closing}", depth), end


def _let_others_run() -> None:
    """Wait for an instant without the interpreter's lock.

    Python hands it over every 5 ms when it is asked for, but while pydantic writes slice after slice, the thread that
    asks hardly ever gets it: the event loop waited for up to 2.8 s of 2.8 s here.
    """
    drive(REAL_RUNTIMES.blocking.sleep(_PAUSE_S, None))


def _slices(value: Any) -> Iterator[Any]:
    """A list or a dict as smaller ones: each is not large, or has one item."""
    kind = type(value)
    members: Iterator[Any] = iter(value.items() if kind is dict else value)
    count = _FIRST_SLICE
    while piece := kind(islice(members, count)):
        if is_heavy(piece, PIECE_PARTS):
            yield from _halves(piece)
            count = max(1, count // 2)
        else:
            yield piece
            if not is_heavy(piece, PIECE_PARTS // 2):
                count *= 2


def _halves(piece: Any) -> Iterator[Any]:
    if len(piece) == 1 or not is_heavy(piece, PIECE_PARTS):
        yield piece
        return
    kind = type(piece)
    members: Iterator[Any] = iter(piece.items() if kind is dict else piece)
    yield from _halves(kind(islice(members, len(piece) // 2)))
    yield from _halves(kind(members))


def _joined(opening: bytes, parts: list[bytes], closing: bytes) -> bytes:
    if not parts:
        return opening + closing
    parts[0] = opening + parts[0]  # To add them afterwards would copy the whole text twice.
    parts[-1] += closing
    return b",".join(parts)


def _end_of_members(text: str, at: int) -> int:
    """Where as many members as one piece may have end, with the comma after them; `at` if the first is too large."""
    found = _MEMBERS.match(text, at, at + PIECE_CHARS)
    return found.end() if found else at


def _end_of(text: str, at: int) -> int:
    """Where the value that begins at `at` ends; it may be of any length and depth."""
    if single := _SINGLE.match(text, at):
        return single.end()
    closing = _CLOSING[text[at]]
    at += 1
    while text[at] != closing:
        end = _end_of_members(text, at)
        if end == at:
            key = _KEY.match(text, at)
            end = _end_of(text, key.end() if key else at)
            end += text[end] == ","
        at = end
    return at + 1

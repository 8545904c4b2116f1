"""An independent check of the sanitizer, with secrets and benign texts for which no pattern was written.

The corpora in `sanitizer_unseen_secrets` and `sanitizer_unseen_benign` were written from what providers
and frameworks document, before the table of shapes was extended. Half of the kinds, chosen by a checksum
of the name, are the hold-out: `--failures` never prints those, so nothing can be tuned for them. A kind
that an issue reported is never held out. Run `python -m benchmarks.sanitizer_unseen`.
"""

from __future__ import annotations

import argparse
import random
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from benchmarks.sanitizer_corpus import survives
from benchmarks.sanitizer_fresh import BARE, BENIGN, HARD, NAMED
from benchmarks.sanitizer_unseen_benign import LOOK_ALIKES, ORDINARY
from benchmarks.sanitizer_unseen_secrets import CONTEXTS, CONTEXTUAL, KNOWN, REPORTED, filled
from langgraph_runner.redaction import DEFAULT_SANITIZER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Corpus: TypeAlias = "Callable[[random.Random], Iterator[tuple[str, str, str]]]"
SEED: Final = 4_711
ROUNDS: Final = 5
GOALS: Final = {
    "known shapes": 0.995,
    "contextual": 0.80,
    "benign": 0.99,
    "look-alikes": 0.95,
    "fresh bare": 0.65,
    "fresh contexts": 0.75,
    "fresh hard": 0.40,
    "fresh benign": 0.97,
}


@dataclass
class Result:
    """How many texts of a corpus were handled correctly, and the others as (kind, raw, clean)."""

    total: int = 0
    wrong: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The share of correct texts, from 0 to 1."""
        return 1 - len(self.wrong) / self.total if self.total else 1.0


def is_held_out(name: str) -> bool:
    """Return whether no pattern may be tuned for this kind; the name of the kind decides."""
    return name not in REPORTED and zlib.crc32(name.encode()) % 2 == 1


def _bare(kinds: dict[str, str]) -> _Corpus:
    def make(rng: random.Random) -> Iterator[tuple[str, str, str]]:
        for name, template in kinds.items():
            value, secret = filled(template, rng)
            for context in rng.sample(CONTEXTS, ROUNDS):
                yield name, context.replace("{v}", value), secret

    return make


def _in_context(kinds: dict[str, str]) -> _Corpus:
    def make(rng: random.Random) -> Iterator[tuple[str, str, str]]:
        for name, template in kinds.items():
            for _ in range(ROUNDS):
                yield name, *filled(template, rng)

    return make


def _benign(texts: dict[str, str]) -> _Corpus:
    def make(rng: random.Random) -> Iterator[tuple[str, str, str]]:
        for name, template in texts.items():
            text, _ = filled(template, rng)
            yield name, text, ""

    return make


CORPORA: Final = {
    "known shapes": _bare(KNOWN),
    "contextual": _in_context(CONTEXTUAL),
    "benign": _benign(ORDINARY),
    "look-alikes": _benign(LOOK_ALIKES),
    "fresh bare": _bare(BARE),
    "fresh contexts": _in_context(NAMED),
    "fresh hard": _in_context(HARD),
    "fresh benign": _benign(BENIGN),
}


def measure(corpus: str, *, held_out: bool, seed: int = SEED) -> Result:
    """Sanitize the open or the held-out half of a corpus."""
    result = Result()
    for name, raw, secret in CORPORA[corpus](random.Random(seed)):  # noqa: S311 - repeatable made-up secrets
        if is_held_out(name) is not held_out:
            continue
        clean = DEFAULT_SANITIZER.text(raw)
        result.total += 1
        if survives(secret, clean) if secret else clean != raw:
            result.wrong.append((name, raw, clean))
    return result


def main() -> None:
    """Print the rates of both halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", action="store_true", help="print what went wrong in the open half")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    print(f"{'corpus':<14} {'goal':>7} {'open':>16} {'hold-out':>16}")
    for corpus, goal in GOALS.items():
        both = [measure(corpus, held_out=held_out, seed=options.seed) for held_out in (False, True)]
        cells = " ".join(f"{result.rate:>8.2%} of {result.total:>4}" for result in both)
        print(f"{corpus:<14} {goal:>7.1%} {cells}")
        for name, raw, clean in both[0].wrong if options.failures else ():
            print(f"  --- {name}\n  {raw}\n  => {clean}")


if __name__ == "__main__":
    main()

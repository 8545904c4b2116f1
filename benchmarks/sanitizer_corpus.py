"""How many secrets the sanitizer finds, how many benign texts it changes, and what it costs.

Run `python -m benchmarks.sanitizer_corpus` (add `--failures` to see what was missed). The corpus is
made of `sanitizer_kinds` times `sanitizer_shapes` with a fixed seed, so its figures repeat; the times
are those of the machine it runs on.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.sanitizer_benign import benign_texts
from benchmarks.sanitizer_kinds import KINDS
from benchmarks.sanitizer_shapes import HELD_OUT, TUNED
from langgraph_runner.redaction import DEFAULT_SANITIZER

if TYPE_CHECKING:
    from benchmarks.sanitizer_kinds import Kind, Sample
    from benchmarks.sanitizer_shapes import Shape

SEED = 20
FRAGMENT_CHARS = 8
TIMED_CHARS = 2_000


@dataclass
class Recall:
    """How many secrets in a set of shapes were hidden, and the texts of the others."""

    total: int = 0
    missed: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The share of hidden secrets, from 0 to 1."""
        return 1 - len(self.missed) / self.total


def survives(secret: str, text: str) -> bool:
    """Return whether the text contains the secret, or at least eight characters of it in a row."""
    if len(secret) <= FRAGMENT_CHARS:
        return secret in text
    return any(secret[i : i + FRAGMENT_CHARS] in text for i in range(len(secret) - FRAGMENT_CHARS + 1))


def sample_of(kind: Kind, *, seed: int = SEED) -> Sample:
    """Return one secret of a kind, always the same."""
    return kind.make(random.Random(seed))  # noqa: S311 - repeatable made-up secrets


def measure_recall(shapes: dict[str, Shape], *, seed: int = SEED, rounds: int = 1) -> Recall:
    """Sanitize every kind in every shape, `rounds` times, and note which secrets survived."""
    rng = random.Random(seed)  # noqa: S311 - repeatable made-up secrets
    recall = Recall()
    for _ in range(rounds):
        for kind in KINDS:
            for name, shape in shapes.items():
                sample = kind.make(rng)
                raw = shape(kind.key, sample.value)
                clean = DEFAULT_SANITIZER.text(raw)
                recall.total += 1
                if any(survives(secret, clean) for secret in sample.secrets):
                    recall.missed.append((kind.name, name, raw, clean))
    return recall


def changed_benign(*, seed: int = SEED, rounds: int = 40) -> tuple[int, list[tuple[str, str]]]:
    """Return the number of benign texts, and those that the sanitizer changed."""
    texts = benign_texts(random.Random(seed), rounds)  # noqa: S311 - repeatable corpus
    changed = [(raw, clean) for raw in texts if (clean := DEFAULT_SANITIZER.text(raw)) != raw]
    return len(texts), changed


def _timed_texts(rng: random.Random) -> dict[str, list[str]]:
    """Return messages of 2,000 characters: ordinary ones, ones about tokens, and ones with secrets."""
    dense = benign_texts(rng, rounds=4)
    plain = [
        line for line in dense if not any(stem in line.lower() for stem in ("token", "pass", "key", "auth"))
    ]
    shapes = list(TUNED.values())

    def fill(lines: list[str], secrets: int = 0) -> str:
        parts = rng.sample(lines, 40)
        for _ in range(secrets):
            kind = rng.choice(KINDS)
            parts.insert(rng.randrange(8), rng.choice(shapes)(kind.key, kind.make(rng).value))
        return "\n".join(parts)[:TIMED_CHARS].ljust(TIMED_CHARS, ".")

    return {
        "ordinary": [fill(plain) for _ in range(400)],
        "25 names of secrets": [fill(dense) for _ in range(400)],
        "1 secret": [fill(plain, 1) for _ in range(400)],
        "5 secrets": [fill(plain, 5) for _ in range(400)],
    }


def _milliseconds(text: str) -> float:
    started = time.thread_time()
    DEFAULT_SANITIZER.text(text)
    return (time.thread_time() - started) * 1e3


def measure_times() -> dict[str, tuple[float, float]]:
    """Return median and 99th percentile of `text` on 2,000 characters in milliseconds, by kind of message.

    The times are of the processor. The best of five runs of each message counts, to exclude noise of the machine.
    """
    found = {}
    for name, texts in _timed_texts(random.Random(SEED)).items():  # noqa: S311 - repeatable corpus
        times = sorted(min(_milliseconds(text) for _ in range(5)) for text in texts)
        found[name] = (statistics.median(times), times[int(len(times) * 0.99)])
    return found


def adversarial_texts(size: int) -> dict[str, str]:
    """Return texts of `size` characters on which careless patterns take quadratic time."""
    units = {
        "key, no value": "password=",
        "open quote": "token=\"a'",
        "open escape": '\\"api_key\\":\\"',
        "scheme": "://a:",
        "scheme and at": "x://u:p@",
        "pem": "-----BEGIN ",
        "pem end": "-----END PRIVATE KEY-----",
        "spaces": "password   ",
        "slashes": "/a",
        "home": "/home/",
        "backslashes": "\\",
        "tags": "<password ",
        "base64": "eyJ",
        "one word": "a1",
        "flags": "--password ",
        "cookie": "cookie: a=b; ",
        "headers": "authorization: digest a=",
        "tuples": "('password', ",
        "commas": "password=a,",
        "names only": "=key",
        "prefixes only": "AK" + "IA",
        "percent codes": "%22token%22%3A",
        "escape codes": "\x1b[",
        "locations": "'loc': ('password', ",
        "locations and values": "{'input': 'a', 'loc': ('password',",
        "web keys": '{"kty":',
        "schema errors": "failed validating ['password']\n",
        "parameters": "[sql: ?] [parameters: (",
        "readable base64": "SGVsbG8s",
        "value first": "value: a, name: password, ",
        "unicode escapes": "\\u0022token\\u003a",
        "prompts": "password [a]: ",
        "calls": "set_password('a', ",
        "smart quotes": "password “a",
        "joiners": "\u200d",
        "other languages": "密码はa",
        "look-ups": 'token=os.getenv("a',
        "logins": "creds x:",
        "tables": "password,a\n",
        "tables of blanks": "a  password\n",
        "random runs": "q7Rk2ZtW9xLb4HnV8cYd3Mf.",
        "statements": "one statement: DETAIL:  parameters: $1 = ",
        "echoes": "echo a",
        "many prefixes": "sk-ghp_glpat-xoxb-",
    }
    return {name: (unit * (size // len(unit) + 1))[:size] for name, unit in units.items()}


def growth() -> list[tuple[str, float, float]]:
    """Return the milliseconds for each adversarial text at 20 KB and at 200 KB; a factor of ten is linear."""
    small, large = adversarial_texts(20_000), adversarial_texts(200_000)
    return [(name, _milliseconds(small[name]), _milliseconds(large[name])) for name in small]


def _print_recall(title: str, recall: Recall, shapes: dict[str, Shape]) -> None:
    print(f"\n{title}: {recall.share:.2%} of {recall.total} ({len(KINDS)} kinds x {len(shapes)} shapes)")
    missed_kinds = Counter(kind for kind, _, _, _ in recall.missed)
    own = len(KINDS) - len(missed_kinds)
    print(
        f"  {own} kinds were never missed; missed at least once: {', '.join(sorted(missed_kinds)) or 'none'}"
    )
    by_shape = Counter(shape for _, shape, _, _ in recall.missed)
    for shape in shapes:
        print(f"  {shape:<22} {1 - by_shape[shape] * len(shapes) / recall.total:>8.2%}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", action="store_true", help="print each text that failed")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    tuned, held_out = (measure_recall(s, rounds=options.rounds) for s in (TUNED, HELD_OUT))
    total, changed = changed_benign()
    _print_recall("recall, tuned shapes", tuned, TUNED)
    _print_recall("recall, held-out shapes", held_out, HELD_OUT)
    print(f"\nbenign texts changed: {len(changed)} of {total}")
    for name, (median, p99) in measure_times().items():
        print(f"2,000 characters, {name}: p50 {median:.3f} ms, p99 {p99:.3f} ms")
    for name, small, large in growth():
        print(f"  {name:<18} 20 KB {small:8.2f} ms   200 KB {large:8.2f} ms   x{large / small:.1f}")
    if options.failures:
        for kind, shape, raw, clean in [*tuned.missed, *held_out.missed]:
            print(f"\n--- {kind} / {shape}\n{raw}\n=> {clean}")
        for raw, clean in changed:
            print(f"\n--- benign\n{raw}\n=> {clean}")


if __name__ == "__main__":
    main()

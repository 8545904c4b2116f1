"""Splitting an amount without losing a cent."""

from collections.abc import Sequence

__all__ = ["split"]


def split(cents: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split an amount in proportion to weights, exactly: by the largest remainder (Hamilton's method).

    Args:
        cents: Not negative.
        weights: Not negative, at least one more than 0. Of equal remainders the first one wins.
    """
    total = sum(weights)
    parts = [cents * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda each: (-(cents * weights[each] % total), each))
    for each in by_remainder[: cents - sum(parts)]:
        parts[each] += 1
    return tuple(parts)

"""Quantiles, as the view, the metrics and `split` take them of their latencies."""

from collections.abc import Iterable, Iterator


def quantiles(values: Iterable[float], *shares: float) -> Iterator[float | None]:
    """Yield the value at each of `shares`, 0 to 1, of `values` in order; None without values."""
    ordered = sorted(values)
    last = len(ordered) - 1
    for share in shares:
        yield ordered[min(int(share * len(ordered)), last)] if ordered else None

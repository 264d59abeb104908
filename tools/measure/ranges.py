"""From the numbers of several runs to the range that an honest run stays in."""

from __future__ import annotations

import statistics

SLACK = 0.005  # a range is never narrower than this share of its value, to either side


def entry(values: list[float], old: dict, seeds: range, torch_version: str) -> dict:
    """Median and range: the observed one, widened by its own width and by SLACK, but never across
    zero or beyond `most`.
    """
    middle, width = statistics.median(values), max(values) - min(values)
    margin = max(width, SLACK * abs(middle))
    low, high = min(values) - margin, max(values) + margin
    low, high = (
        (max(low, 0.0) if min(values) >= 0 else low),
        (min(high, 0.0) if max(values) <= 0 else high),
    )
    most = {"most": old["most"]} if "most" in old else {}
    # without chance: SLACK forgives what other libraries and ways of writing an answer round
    kind = {"kind": "exact"} if width <= 1e-9 * abs(middle) else {}
    return {
        "label": old.get("label", ""),
        "value": round(middle, 6),
        "low": round(low, 6),
        "high": round(min([high, *most.values()]), 6),
        **most,
        **kind,
        "seeds": list(seeds),
        "device": "cpu",
        "torch": torch_version,
    }

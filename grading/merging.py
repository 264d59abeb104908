"""Join the results of several shards into one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAME = {
    "seed": "the seed",
    "course": "the course's version",
    "lesson": "the lesson",
    "twins": "the exercises",
    "trusted": "the sandbox",
}


def merged(parts: list[Path]) -> dict[str, Any]:
    """One result out of many. What does not fit together, or is missing, becomes a fault. Raises
    OSError.
    """
    found = [_read(part) for part in parts]
    first, faults = found[0], []
    for part, results in zip(parts, found, strict=True):
        differs = [word for key, word in SAME.items() if results[key] != first[key]]
        faults += (
            [f"{part} was graded with another value of: {', '.join(differs)}"] if differs else []
        )
        faults += [f"{part}: {fault}" for fault in results["faults"]]
    total = {results["shard"][1] for results in found}
    have = sorted(results["shard"][0] for results in found)
    if len(total) != 1 or have != list(range(1, max(total) + 1)):
        faults.append(f"the shards {have} of {sorted(total)} are not all there, each once")
    everyone = {r["submission"]: r for results in found for r in results["submissions"]}
    return first | {
        "shard": [1, 1],
        "faults": faults,
        "submissions": [everyone[name] for name in sorted(everyone)],
    }


def _read(part: Path) -> dict[str, Any]:
    place = part / "results.json" if part.is_dir() else part
    try:
        results = json.loads(place.read_text(encoding="utf-8"))
        if not {*SAME, "shard", "faults", "submissions"} <= results.keys():
            raise ValueError("not a result of this program")
    except (ValueError, AttributeError) as error:
        raise OSError(f"{place}: {error}") from None
    return results

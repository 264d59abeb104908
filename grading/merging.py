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
    """The results of all shards as one. A shard that is missing or does not fit the others is a
    fault. Raises OSError.
    """
    shards = [_read(part) for part in parts]
    first, faults = shards[0], []
    for part, results in zip(parts, shards, strict=True):
        differs = [word for key, word in SAME.items() if results[key] != first[key]]
        faults += (
            [f"{part} was graded with another value of: {', '.join(differs)}"] if differs else []
        )
        faults += [f"{part}: {fault}" for fault in results["faults"]]
    total = {results["shard"][1] for results in shards}
    have = sorted(results["shard"][0] for results in shards)
    if len(total) != 1 or have != list(range(1, max(total) + 1)):
        faults.append(f"the shards {have} of {sorted(total)} are not all there, each once")
    everyone = {r["submission"]: r for results in shards for r in results["submissions"]}
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

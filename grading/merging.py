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


# what every submission and every verdict holds, and of which type
SUBMISSION: dict[str, type] = {
    "submission": str,
    "student": str,
    "lesson": str,
    "verdicts": list,
    "prose": list,
}
VERDICT: dict[str, type] = {
    "exercise": str,
    "name": str,
    "status": str,
    "reason": str,
    "evidence": dict,
}
EVIDENCE = {"case", "input", "differs", "expected", "came"}
STATUSES = {"pass", "fail", "unanswered", "not_graded"}


class Damaged(ValueError):
    """Why a file is no result of this program."""


def merged(parts: list[Path]) -> dict[str, Any]:
    """The results of all shards as one. A shard that is missing, damaged or does not fit the others
    is a fault. Raises OSError if no part can be read.
    """
    shards, faults = {}, []
    for part in parts:
        try:
            shards[part] = read(part)
        except (OSError, Damaged) as error:
            says = error.strerror if isinstance(error, OSError) else error
            faults.append(f"{part} is left out: {says}; grade this part again")
    if not shards:
        raise OSError("; ".join(faults))
    first = next(iter(shards.values()))
    for part, results in shards.items():
        differs = [word for key, word in SAME.items() if results[key] != first[key]]
        faults += (
            [f"{part} was graded with another value of: {', '.join(differs)}"] if differs else []
        )
        faults += [f"{part}: {fault}" for fault in results["faults"]]
    total = {results["shard"][1] for results in shards.values()}
    have = sorted(results["shard"][0] for results in shards.values())
    if len(total) != 1 or have != list(range(1, max(total) + 1)):
        faults.append(f"the shards {have} of {sorted(total)} are not all there, each once")
    everyone = {r["submission"]: r for results in shards.values() for r in results["submissions"]}
    return first | {
        "shard": [1, 1],
        "faults": faults,
        "submissions": [everyone[name] for name in sorted(everyone)],
    }


def read(part: Path) -> dict[str, Any]:
    """What a part holds. Raises OSError or Damaged."""
    place = part / "results.json" if part.is_dir() else part
    try:
        results = json.loads(place.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise Damaged(f"{place.name} is damaged") from None
    if not isinstance(results, dict) or not {*SAME, "shard", "faults", "submissions"} <= {*results}:
        raise Damaged(f"{place.name} is not a result of this program")
    shard, faults, subs = results["shard"], results["faults"], results["submissions"]
    fits = (
        isinstance(shard, list)
        and [type(number) for number in shard] == [int, int]
        and 1 <= shard[0] <= shard[1]
        and isinstance(faults, list)
        and isinstance(subs, list)
        and all(has(one, SUBMISSION) and are_verdicts(one["verdicts"]) for one in subs)
        and all(isinstance(text, str) for one in subs for text in one["prose"])
    )
    if not fits:
        raise Damaged(f"{place.name} is damaged: a part of it is missing or of another form")
    return results


def has(value: Any, form: dict[str, type]) -> bool:
    """Whether a value is a dictionary with these keys, of these types."""
    return isinstance(value, dict) and all(isinstance(value.get(k), t) for k, t in form.items())


def are_verdicts(values: Any) -> bool:
    """Whether these are the verdicts on one notebook, of which there is at least one."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(
            has(value, VERDICT)
            and value["status"] in STATUSES
            and type(value.get("out_of")) in (int, float)
            and (value["status"] == "not_graded" or type(value.get("points")) in (int, float))
            and set(value["evidence"]) <= EVIDENCE
            for value in values
        )
    )

"""Grade untrusted notebooks.

    python -m grading SUBMISSIONS --out OUT [--jobs N] [--seed S] [--lesson 04] [--twins DIR]
    [--shard 3/8] [--trusted]
    python -m grading room HOMES --out OUT --lesson 04      how a room is doing, every minute
    python -m grading merge OUT1 OUT2 ... --out OUT
    python -m grading twin new 04 DIR        an example of a twin, to change and keep to yourself
    python -m grading twin build DIR         its notebooks, after a change

Exit code: 0 all graded, 1 nothing can be graded here, 2 wrong command line, 3 some could not be
graded, or a mark in marks.csv could not be counted.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from grading import batch, marks, merging, pages, report, room, sandbox, twins
from grading.course import lessons


def main(arguments: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where a terminal cannot show a letter
    command = {"merge": merge, "room": room.main, "twin": twins.main}.get(
        arguments[0] if arguments else ""
    )
    try:
        return command(arguments[1:]) if command else grade(arguments)
    except OSError as error:
        print(
            f"A file or folder cannot be read or written: {error}. What is graded is kept; the same"
            " command goes on.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        batch.stop()
        return 130


def grade(arguments: list[str]) -> int:
    run = parsed(arguments)
    lacking = "" if run.trusted else sandbox.missing()
    if lacking:
        print(lacking, file=sys.stderr)
        return 1
    warnings.simplefilter("ignore")  # of the mutants, which are wrong on purpose
    return finish(batch.grade(run), run.out)


def parsed(arguments: list[str]) -> batch.Run:
    parser = argparse.ArgumentParser(
        prog="python -m grading", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "submissions", type=Path, help="a folder of NAME.ipynb, NAME/*.ipynb or zips, or one zip"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder for the results")
    parser.add_argument("--jobs", type=int, default=1, help="so many at a time")
    parser.add_argument(
        "--seed",
        type=int,
        help="draws the inputs; a fresh one by default, recorded in OUT/run.json",
    )
    parser.add_argument("--lesson", default="", help="grade notebooks of this lesson only")
    parser.add_argument(
        "--twins", type=Path, help="grade the exercises of this folder instead of the course's"
    )
    parser.add_argument(
        "--shard", default="1/1", help="only this part of the students, such as 3/8; wants --seed"
    )
    parser.add_argument("--trusted", action="store_true", help="no sandbox: for your own work only")
    o = parser.parse_args(arguments)
    shard = re.fullmatch(r"(\d{1,4})/(\d{1,4})", o.shard)
    if not shard or not 1 <= int(shard[1]) <= int(shard[2]):
        parser.error("--shard looks like 3/8")
    if o.shard != "1/1" and o.seed is None:
        parser.error("--shard wants a --seed, the same for every part")
    if o.jobs < 1 or (o.seed or 0) < 0:
        parser.error("--jobs is at least 1 and --seed at least 0")
    if o.lesson and f"{o.lesson:0>2}" not in lessons(o.twins):
        parser.error(f"there are no exercises for lesson {o.lesson}")
    if o.out.resolve().is_relative_to(o.submissions.resolve()):
        parser.error("OUT must not lie inside SUBMISSIONS")
    return batch.Run(
        o.submissions,
        o.out,
        o.jobs,
        o.seed,
        o.lesson and f"{o.lesson:0>2}",
        o.twins,
        (int(shard[1]), int(shard[2])),
        o.trusted,
    )


def merge(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m grading merge", description="Join the results of several parts."
    )
    parser.add_argument("parts", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    folders = [part if part.is_dir() else part.parent for part in options.parts]
    typed = [place / "marks.csv" for place in folders if place.resolve() != options.out.resolve()]
    return finish(merging.merged(options.parts), options.out, typed)


def finish(results: dict, out: Path, also: Iterable[Path] = ()) -> int:
    """Write everything and say how it went. Marks are taken from marks.csv in `out` and `also`."""
    entered = marks.refreshed(results, out, also)
    report.write_all(results, out, entered.rows)
    pages.write_all(results, out, entered.rows)
    left = [
        r for r in results["submissions"] if any(v["status"] == "not_graded" for v in r["verdicts"])
    ]
    print(
        f"{len(results['submissions'])} notebooks, {len(left)} of them not graded. Read"
        f" {out / 'report.html'}."
    )
    for fault in results["faults"]:
        print(f"Fault: {fault}", file=sys.stderr)
    for complaint in entered.complaints:
        print(complaint, file=sys.stderr)
    for r in left[:20]:
        print(
            f"Not graded: {report.safe(r['submission'])}:"
            f" {report.safe(r['verdicts'][0]['reason'])}",
            file=sys.stderr,
        )
    return 1 if results["faults"] else 3 if left or entered.complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""docs/benchmarks.md, made from the JSON files in tools/measure/."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path

from tools.render import Facts

HEAD = """# What was measured

This page is made from the files in `tools/measure/` by `python -m tools`; do not edit it. Unless a
section says otherwise, everything was measured on **one processor core, without a graphics card,
on Linux with Python 3.11 and PyTorch {torch}**, and times are processor seconds (CPU s), which
count the work and not the waiting. Your computer will need more or fewer of them; the comparisons
should hold.
"""
BUDGETS = """## What a lesson costs

Processor seconds and peak memory of a notebook's kernel from the first cell to the last: solved,
in the profile `cpu`, and as handed out, in `smoke`; also the slowest cell of the solved one.
Measured by `python -m tools measure notebooks`.
"""
TRAINING = """## How well the training does, beside recipes that people copy

All train on the same 4,000 handwritten digits and are judged by the same 1,000, on one core. *Ours*
is what the lessons build, *recipe* a widely copied way of doing the same with PyTorch's usual
settings and loader; for GANs that is the DCGAN tutorial, and beside it stand a smaller DCGAN and
the dense GAN that is copied most. −ELBO is in nats per digit, FD is the Fréchet distance on the
features of a digit classifier (both: smaller is better); precision, recall and control are shares
(larger is better). *Speed* counts the floating-point operations of a training per CPU second, as a
share of what the same core reaches when it only multiplies matrices. One run each, measured by
`python -m tools measure training`.
"""
NUMBERS = """## What an honest run reaches

Every measured number that a lesson quotes, with its range; a run outside the range deserves a
second look. The value is the median of several runs with different seeds; the last column says how
many. Measured by `python -m tools measure numbers NN`.
"""
CHECKS = """## What a check costs

Processor seconds from a right answer, the course's own, to its verdict: the first check of an
exercise, which may load what later ones find ready, and the median of five more. A build task
trains a model inside its check and is checked once. `tools/measure/checks.json` has every exercise.
Measured by `python -m tools measure checks`.
"""
GRADING = """## How fast the grader works

Solved notebooks of one lesson, each with a cell of its own, graded with one job. *Sandbox* is what
the answers of one notebook cost inside, the median and the most expensive; *grader* is the process
outside that asks and compares, for all of them and with its self-test. The last column is the
sandbox's share of a class of three hundred on two processors, calculated: where a build task trains
a model (from lesson 04 on), that is what costs. Measured by `python -m tools measure grading`.
"""
LIVE = """## How soon an explorable answers

Milliseconds from an input to the painted frame in Chromium, which paints sixty times a second: the
median, and what 95 of 100 answers stay below; CPU ms is what the page's thread spends on one.
*Training* is the same while a network trains in the page. Measured on an idle machine by
`python -m tools measure live`.
"""
HUB = """## Many people on one machine

{users} people at once on a JupyterHub with {cores} processors that others used too, each with a
server and a kernel of their own, ran lesson {number}, solved, to its end; {finished} finished,
{mistakes}. Seconds are wall-clock seconds, the median over the people; of memory that is shared,
each process counts its part. Measured by `python -m tools measure hub {number} --users {users}`.
"""
ELSEWHERE = """## What was not measured

Graphics cards, macOS, Windows, Colab and Binder: the course is written to run there, and nobody has
timed it there. [Grading](grading.md) says what a class of three hundred takes.
"""
METRICS = {
    "neg_elbo": ("−ELBO", ".1f"),
    "fd": ("FD", ".1f"),
    "precision": ("precision", ".2f"),
    "recall": ("recall", ".2f"),
    "control": ("control", ".2f"),
}


def page(root: Path) -> str:
    """The whole page as Markdown."""
    facts = Facts(root)
    versions = " and ".join(sorted({entry["torch"] for entry in facts.numbers.values()}))
    rows = json.loads((root / "tools/measure/training.json").read_text(encoding="utf-8"))
    checked, graded, hub, answered = (
        json.loads((root / f"tools/measure/{name}.json").read_text(encoding="utf-8"))
        for name in ("checks", "grading", "hub", "live")
    )
    parts = [
        HEAD.format(torch=versions),
        BUDGETS,
        budgets(facts),
        TRAINING,
        training(rows),
        CHECKS,
        checks(checked),
        GRADING,
        grading(graded),
        *people(hub),
        LIVE,
        live(answered),
        NUMBERS,
        *numbers(facts),
    ]
    return "\n".join([*parts, ELSEWHERE])


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    names = head.split(" | ")
    lines = [names, ["---"] + ["---:"] * (len(names) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def budgets(facts: Facts) -> str:
    rows = [
        [
            stem[:2],
            f"{b['seconds']:.0f}",
            f"{b['slowest_cell_seconds']}",
            f"{b['peak_mb']}",
            f"{b['smoke_seconds']:.0f}",
            f"{b['smoke_peak_mb']}",
        ]
        for stem, b in sorted(facts.budgets.items())
    ]
    return table(
        "lesson | solved, CPU s | its slowest cell, CPU s | solved, MB | as handed out, CPU s | as"
        " handed out, MB",
        rows,
    )


def training(rows: list[dict]) -> str:
    """One line per training: its seconds, and its measures where it has them."""
    lines = [
        [
            f"{row['task']}, {row['variant']}",
            f"{row['cpu_seconds']:.1f}",
            *_reached(row),
            f"{row['flops_share']:.2f}",
            f"{row['peak_mb']:.0f}",
        ]
        for row in rows
    ]
    names = " | ".join(name for name, _ in METRICS.values())
    return table(f"training | CPU s | CPU s to −ELBO 117 | {names} | speed | MB", lines)


def _reached(row: dict) -> list[str]:
    target = row["seconds_to"].get("neg_elbo<=117")
    measured = [
        f"{row['metrics'][key]:{form}}" if key in row["metrics"] else ""
        for key, (_, form) in METRICS.items()
    ]
    return [f"{target:.1f}" if target else "", *measured]


def checks(timed: dict[str, list[dict]]) -> str:
    """One line per lesson; build tasks, which are checked once, in a column of their own."""
    rows = []
    for number, own in sorted(timed.items()):
        quick = [row for row in own if row["again"] is not None]
        again, built = (
            [row["again"] for row in quick],
            [f"{row['first']:.1f}" for row in own if row["again"] is None],
        )
        rows.append(
            [
                number,
                f"{len(own)}",
                f"{max(row['first'] for row in quick):.2f}",
                f"{statistics.median(again):.3f}",
                f"{max(again):.3f}",
                ", ".join(built),
            ]
        )
    return table(
        "lesson | exercises | first check, slowest, CPU s | later, middle, CPU s | later, slowest,"
        " CPU s | build task, CPU s",
        rows,
    )


def grading(graded: dict) -> str:
    rows = [
        [
            number,
            row["notebooks"],
            f"{row['boxed']:.1f}",
            f"{row['boxed_most']:.1f}",
            f"{row['trusted']:.0f}",
            row["trusted_mb"],
            f"{300 * row['boxed'] / 120:.0f}",
        ]
        for number, row in sorted(graded.items())
    ]
    return table(
        "lesson | notebooks | sandbox, middle, CPU s | sandbox, most, CPU s | grader, all, CPU s |"
        " grader, MB | 300 of them, minutes",
        [[str(value) for value in row] for row in rows],
    )


def people(hub: dict) -> list[str]:
    number, wrong = hub["lesson"][:2], len(hub["errors"])
    row = [
        number,
        f"{hub['seconds_to_a_server']}",
        f"{hub['seconds_for_the_lesson']}",
        f"{hub['kernel_mb']}",
        f"{hub['server_mb']}",
    ]
    head = "lesson | seconds to a server | seconds for the lesson | a kernel, MB | a server, MB"
    mistakes = f"with {wrong} errors" if wrong else "without an error"
    return [HUB.format(**hub, number=number, mistakes=mistakes), table(head, [row])]


def live(answered: dict[str, list[dict]]) -> str:
    rows = [
        [row["name"], f"{row['median_ms']}", f"{row['p95_ms']}", f"{row['cpu_ms']}"]
        for own in answered.values()
        for row in own
    ]
    return table("explorable | median, ms | 95 of 100, ms | CPU ms", rows)


def numbers(facts: Facts) -> list[str]:
    """A table per lesson."""
    rows: dict[str, list] = {}
    for key, entry in sorted(facts.numbers.items()):
        rows.setdefault(key[:2], []).append(_number(entry))
    return [
        f"### Lesson {number}\n\n{table('what | value | range | runs', own)}"
        for number, own in rows.items()
    ]


def _number(entry: dict) -> list[str]:
    """Label, value, range and number of runs, with as many digits as the range's width gives reason
    for.
    """
    digits = max(0, min(6, 2 - _exponent(entry["high"] - entry["low"] or 0.1)))
    return [
        entry["label"].replace("|", "\\|"),
        *(
            f"{entry['value']:.{digits}f}",
            f"{entry['low']:.{digits}f} to {entry['high']:.{digits}f}",
        ),
        str(len(entry["seeds"])),
    ]


def _exponent(x: float) -> int:
    """The power of ten of the first digit."""
    return int(f"{x:e}".split("e")[1]) + 1

"""Make everything that is cheap to make: `python -m tools`; see what is out of date:
`python -m tools --check`.

What is made from what is a table in CONTRIBUTING.md. What takes long is measured, trained or
executed by a command of its own; here it is only compared with what it was made from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools import build, pages, workshop
from tools.build import ROOT
from tools.data import build_data
from tools.measure.kinds import MEASUREMENTS
from tools.run_lesson import lessons
from tools.source import Mistakes


class Stale(NamedTuple):
    """A file that is out of date, and the command that brings it up to date."""

    path: Path
    command: str


def targets(root: Path) -> dict[Path, str]:
    """Every file that is cheap to make, with its text. Raises Mistakes or BuildError."""
    made = build.targets(root) | workshop.targets(root) | build_data.cards(root)
    return made | pages.targets(root, made)


def different(made: dict[Path, str]) -> list[Path]:
    """The files whose text on disk is another one."""
    return [p for p, text in made.items() if not p.exists() or p.read_text("utf-8") != text]


def due(root: Path, made: dict[Path, str]) -> Iterator[Stale]:
    """What `python -m tools` alone cannot bring up to date."""
    yield from orphans(root, made)
    for source in lessons(root):
        solved = build.solved_path(root, source)
        if build.without_output(made[solved]):
            yield Stale(solved, f"python -m tools execute {source.stem[:2]}")
    for name in build_data.missing(root):
        option = " --weights" * name.startswith("weights_")
        command = f"python -m tools data{option} {Path(name).stem if option else ''}"
        yield Stale(root / build_data.FOLDER / name, command.rstrip())
    for what, module in MEASUREMENTS.items():
        for which in module.stale(root):
            yield Stale(root / module.FILE, f"python -m tools measure {what} {which}".rstrip())


def orphans(root: Path, made: dict[Path, str]) -> Iterator[Stale]:
    """Files of a kind that is made, which nothing makes any more."""
    for kind in (
        "notebooks/*.ipynb",
        "solutions/*.ipynb",
        "course_utils/lesson*/taught.py",
        "docs/workshop/*/room.md",
    ):
        for path in sorted(set(root.glob(kind)) - set(made)):
            yield Stale(path, f"git rm {path.relative_to(root).as_posix()}")


def write(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def check(root: Path, made: dict[Path, str]) -> int:
    """Print every file that is out of date with the command that mends it. -> exit code"""
    stale = [Stale(path, "python -m tools") for path in different(made)] + [*due(root, made)]
    for path, command in stale:
        print(f"out of date: {path.relative_to(root).as_posix()}: {command}")
    if not stale:
        print("everything is up to date")
    return int(bool(stale))


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if something is out of date"
    )
    options = parser.parse_args(arguments)
    try:
        made = targets(root)
    except (Mistakes, build_data.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        return check(root, made)
    old = different(made)
    write({path: made[path] for path in old})
    for path in old:
        print(f"wrote {path.relative_to(root).as_posix()}")
    left = [*due(root, made)]
    if left:
        print("Still out of date, and too slow to make here:")
    for path, command in left:
        print(f"  {path.relative_to(root).as_posix()}: {command}")
    return 0

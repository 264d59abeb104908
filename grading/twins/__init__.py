"""Twins: siblings of the exercises that need their own thought, in a private folder of the
instructor's.

DIR/NN_twins.py     the source, in the format of lessons/NN_topic.py
DIR/lessonNN.py     the exercises, in the format of course_utils/lessonNN/exercises.py
DIR/blank/          made from them: what is handed out
DIR/solved/         made from them: for the instructor
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

from grading.course import ROOT
from grading.report import write_text

EXAMPLES = Path(__file__).parent / "examples"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m grading twin", description=__doc__.split("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="copy the example of a lesson and make its notebooks")
    new.add_argument("lesson", help="such as 04")
    new.add_argument("folder", type=Path)
    commands.add_parser("build", help="make the notebooks again").add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "new":
        obstacle = copied(f"{options.lesson:0>2}", options.folder)
        if obstacle:
            print(obstacle, file=sys.stderr)
            return 1
    return built(options.folder)


def copied(number: str, folder: Path) -> str:
    """Copy the example of a lesson into a folder; returns what is in the way, if something is."""
    examples = sorted(path.name[:2] for path in EXAMPLES.glob("[0-9][0-9]_*.py"))
    if number not in examples:
        return f"There is no example for lesson {number}; there are {', '.join(examples)}."
    if folder.resolve().is_relative_to(ROOT) and not folder.resolve().is_relative_to(ROOT / "my"):
        return (
            f"{folder} lies inside the public course: a twin that everybody can read is none."
            " Choose a private folder."
        )
    files = [*EXAMPLES.glob(f"{number}_*.py"), EXAMPLES / f"lesson{number}.py"]
    taken = [folder / file.name for file in files if (folder / file.name).exists()]
    if taken:
        return f"{taken[0]} is there already, and stays as it is."
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    return ""


def built(folder: Path) -> int:
    """Make the blank and the solved notebook of every source in a folder of twins, with the
    course's own builder.
    """
    try:
        from tools.build import notebook
        from tools.render import Facts
        from tools.source import Mistakes, read
    except ImportError as error:
        print(
            f"Building twins needs {error.name}: `.venv/bin/python -m pip install jupytext`.",
            file=sys.stderr,
        )
        return 1
    facts = Facts(ROOT)
    for source in sorted(path for path in folder.glob("*.py") if re.match(r"\d\d_", path.name)):
        try:
            cells = read(source)
            for name, blank in (("blank", True), ("solved", False)):
                write_text(
                    folder / name / f"{source.stem}.ipynb",
                    notebook(source, cells, facts, {}, blank=blank),
                )
        except Mistakes as mistakes:
            print(mistakes, file=sys.stderr)
            return 1
        print(
            f"wrote {folder / 'blank' / source.stem}.ipynb: hand this out; {folder / 'solved'} is"
            " yours"
        )
    return 0

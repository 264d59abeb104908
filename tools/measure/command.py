"""Measure again: `python -m tools measure WHAT [WHICH]`."""

from __future__ import annotations

import argparse

from tools import make
from tools.measure import grading, hub, numbers, training
from tools.measure.kinds import MEASUREMENTS


def parser() -> argparse.ArgumentParser:
    """One subcommand for each measurement, with the options of its `main`."""
    whole = argparse.ArgumentParser(
        prog="python -m tools measure",
        description="Measure again what is recorded in tools/measure/ and course_utils/.",
    )
    kinds = whole.add_subparsers(dest="what", metavar="WHAT")
    for what, module in MEASUREMENTS.items():
        kind = kinds.add_parser(what, help=(module.__doc__ or "").split(".")[0])
        if module is training:
            kind.add_argument("--row", default="", choices=[*training.ROWS], help="one, printed")
            continue
        kind.add_argument("which", nargs="?", default="", help="two digits of a lesson, or a name")
        if module is numbers:
            kind.add_argument("--seeds", type=int, default=5)
        if module in (grading, hub):
            kind.add_argument("--users", type=int, default=module.USERS, help="how many people")
    return whole


def main(arguments: list[str]) -> int:
    """Measure, and then make what is made from measurements."""
    options = vars(parser().parse_args(arguments))
    what = options.pop("what")
    if not what:
        parser().print_help()
        return 0
    code = MEASUREMENTS[what].main(**options)
    if code or options.get("row"):
        return code
    return make.main([])

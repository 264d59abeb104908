"""Measurements, one command each.

python -m tools measure notebooks [NN]   CPU seconds and peak memory of every lesson, into
tools/measure/budgets.json python -m tools measure study [NAME]     a run too long for a lesson,
into course_utils/data/studies/ python -m tools measure training         the lessons' training
beside recipes that people copy; --json FILE keeps the rows python -m tools measure checks [NN]
CPU seconds of the check of every exercise, into tools/measure/checks.json python -m tools measure
grading [NN]     --users N solved notebooks of a lesson graded, into tools/measure/grading.json
python -m tools measure hub [NN]         --users N people at once on a JupyterHub on this machine,
into tools/measure/hub.json
"""

from __future__ import annotations

import argparse
import sys

from tools.measure import checks, grading, hub, notebooks, studies, training

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tools measure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what", choices=["notebooks", "study", "training", "checks", "grading", "hub"]
    )
    parser.add_argument(
        "which",
        nargs="?",
        default="",
        help="two digits of a lesson, or a study's name; all if left out",
    )
    parser.add_argument("--json", default="", metavar="FILE", help="training: write the rows there")
    parser.add_argument(
        "--row", default="", choices=["", *training.ROWS], help="training: one row, in this process"
    )
    parser.add_argument("--users", type=int, default=0, help="grading, hub: how many people")
    options = parser.parse_args()
    if options.what == "hub":
        sys.exit(hub.main(options.which, options.users or 10))
    if options.what == "grading":
        sys.exit(grading.main(options.which, options.users or 4))
    if options.what == "checks":
        sys.exit(checks.main(options.which))
    if options.what == "notebooks":
        sys.exit(notebooks.main(options.which))
    if options.what == "training":
        sys.exit(training.main(options.json, options.row))
    sys.exit(
        max(
            (
                studies.main(name)
                for name in ([options.which] if options.which else studies.names())
            ),
            default=0,
        )
    )

"""Measurements, one command each.

python -m benchmarks notebooks [NN]   CPU seconds and peak memory of every lesson, into benchmarks/budgets.json
python -m benchmarks study [NAME]     a run too long for a lesson, into course_utils/data/studies/
"""
from __future__ import annotations

import argparse
import sys

from benchmarks import notebooks, studies

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["notebooks", "study"])
    parser.add_argument("which", nargs="?", default="", help="two digits of a lesson, or a study's name; all if left out")
    options = parser.parse_args()
    if options.what == "notebooks":
        sys.exit(notebooks.main(options.which))
    sys.exit(max((studies.main(name) for name in ([options.which] if options.which else studies.names())), default=0))

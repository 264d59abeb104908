"""`python -m benchmarks notebooks [NN]`: CPU seconds and peak memory of every lesson, into benchmarks/budgets.json."""
from __future__ import annotations

import argparse
import sys

from benchmarks import notebooks

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=["notebooks"])
    parser.add_argument("lesson", nargs="?", default="", help="two digits; all lessons if left out")
    options = parser.parse_args()
    sys.exit(notebooks.main(options.lesson))

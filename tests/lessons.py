"""Which lessons exist; every test over lessons takes them from here, so that none is forgotten."""

import os
import sys
from pathlib import Path

from course_utils.checks import exercises

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
NUMBERS = [source.stem[:2] for source in SOURCES]
STEMS = [source.stem for source in SOURCES]
EXERCISES = [e for number in NUMBERS for e in exercises(int(number)).values()]
# where .ci/run, or a workflow, has installed the system packages, a missing one is a failure;
# elsewhere a reason to skip
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false") and sys.platform.startswith(
    "linux"
)

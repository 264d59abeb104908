# Set-up. On your own computer this does nothing; on Colab it installs the course, and what this
# lesson lacks.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("course_utils") is None:
    course = "REPOSITORY/archive/refs/heads/main.zip"
    source = os.environ.get("COURSE_SOURCE", course)
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", source])
    importlib.invalidate_caches()

from course_utils.platform import colab

colab.complete(PACKAGES)  # noqa: F821

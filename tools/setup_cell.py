# @title Set-up: installs the course on Colab and Kaggle, changes nothing elsewhere
import importlib.util, os, subprocess, sys

if importlib.util.find_spec("course_utils") is None:
    course = "REPOSITORY/archive/refs/REVISION.zip"
    source = os.environ.get("COURSE_SOURCE", course)
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "--no-deps", source])
    importlib.invalidate_caches()
from course_utils.platform import colab

colab.set_up("VERSION", PACKAGES)

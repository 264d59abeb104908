"""On Colab and Kaggle: add what the course needs and the host lacks, and replace nothing.

The first cell of a lesson calls `set_up`, after it has installed the course itself without its
requirements.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata

from course_utils.live import choices

# the host's own fit its page; newer ones were seen to break its sliders
FRONT_END = {"ipywidgets", "jupyterlab"}
INSTALLED = sys.modules["course_utils"].__version__  # the parent of this module: it is loaded
FROZEN = ("torch", "numpy")  # everything else on the host was built against these


def set_up(version: str, *packages: str) -> None:
    """What the first cell of a lesson does once the course is there. `version` is the course's that
    the notebook was made from, `packages` are what its lesson can use beyond the course's own.
    Where the page runs scripts, it keeps from then on what the reader predicts.
    """
    if version != INSTALLED:
        remedy = (
            "delete this runtime and open the notebook again"
            if on_a_host()
            else f"open the notebook that came with {INSTALLED}, or install {version}"
        )
        print(
            f"This notebook was made from version {version} of the course, and version"
            f" {INSTALLED} is installed: if a cell fails, {remedy}."
        )
    complete(*packages)
    choices.keep()


def complete(*packages: str) -> list[str]:
    """Install those of the course's requirements and of a lesson's `packages` that are missing;
    returns them.

    Does nothing on a computer of one's own. If an install fails, one sentence says so, and the
    lesson goes on.
    """
    missing = (
        [name for name in [*required(), *packages] if not version_of(name)] if on_a_host() else []
    )
    if missing and _install(missing):
        print(
            f"{', '.join(missing)} could not be installed: the cells that need it will say so, the"
            " rest of the lesson runs."
        )
    return missing


def on_a_host() -> bool:
    """Whether this is Colab or Kaggle."""
    return "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ


def required() -> list[str]:
    """Names of what the installed course needs, its front end left out."""
    lines = [
        line for line in metadata.requires("generative-ai-course") or [] if "extra ==" not in line
    ]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines]
    return [name for name in names if name not in FRONT_END]


def version_of(name: str) -> str:
    """Version of an installed package, "" where it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _install(names: list[str]) -> int:
    """Ask pip for the packages, with PyTorch and NumPy kept as installed; its exit code."""
    frozen = [f"{name}=={version_of(name)}\n" for name in FROZEN if version_of(name)]
    with tempfile.TemporaryDirectory() as folder:
        constraints = os.path.join(folder, "constraints.txt")
        with open(constraints, "w", encoding="utf-8") as file:
            file.writelines(frozen)
        return subprocess.call(
            [sys.executable, "-m", "pip", "install", "--quiet", "-c", constraints, *names]
        )

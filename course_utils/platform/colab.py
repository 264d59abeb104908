"""On a computer that a host has set up (Colab, Kaggle): add what the course lacks there, and
replace nothing.

The first cell of a lesson calls this, after it has installed the course itself without its
requirements.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata

# the host's own fit its page; newer ones were seen to break its sliders
FRONT_END = {"ipywidgets", "jupyterlab"}
FROZEN = ("torch", "numpy")  # everything else on the host was built against these


def complete(*packages: str) -> list[str]:
    """Install those of the course's requirements and of a lesson's `packages` that are missing;
    returns them.

    Does nothing on a computer of one's own. An install that fails is told in one sentence, and the
    lesson goes on.
    """
    lacking = (
        [name for name in [*required(), *packages] if not version(name)] if on_a_host() else []
    )
    if lacking and _install(lacking):
        print(
            f"{', '.join(lacking)} could not be installed: what needs it will say so, the rest of"
            " the lesson runs."
        )
    return lacking


def on_a_host() -> bool:
    """Whether this is Colab or Kaggle."""
    return "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ


def required() -> list[str]:
    """Names of what the installed course needs, its front end left out."""
    lines = [
        line for line in metadata.requires("generative-ai-course") or [] if "extra ==" not in line
    ]
    names = [re.match(r"[\w.-]+", line)[0] for line in lines]
    return [name for name in names if name not in FRONT_END]


def version(name: str) -> str:
    """Version of an installed package, "" where it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _install(names: list[str]) -> int:
    """Ask pip for the packages, with PyTorch and NumPy held at what is installed; its exit code."""
    held = [f"{name}=={version(name)}\n" for name in FROZEN if version(name)]
    with tempfile.TemporaryDirectory() as folder:
        constraints = os.path.join(folder, "constraints.txt")
        with open(constraints, "w", encoding="utf-8") as file:
            file.writelines(held)
        return subprocess.call(
            [sys.executable, "-m", "pip", "install", "--quiet", "-c", constraints, *names]
        )

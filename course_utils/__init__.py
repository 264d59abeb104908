"""Helpers of the course. Importing this is cheap: PyTorch is loaded when something needs it."""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "check"]

__version__ = "2026.2.dev0"  # year.number; `python -m tools release` changes it


def __getattr__(name: str) -> Any:
    if name == "check":
        from course_utils.checks import check

        return check
    raise AttributeError(f"module 'course_utils' has no attribute {name!r}")

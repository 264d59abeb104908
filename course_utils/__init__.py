"""Helpers of the course. Importing this is cheap: PyTorch is loaded when something needs it."""

from __future__ import annotations

from typing import Any

__all__ = ["check"]


def __getattr__(name: str) -> Any:
    if name == "check":
        from course_utils.checks import check

        return check
    raise AttributeError(f"module 'course_utils' has no attribute {name!r}")

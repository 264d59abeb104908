"""Lesson 01: its exercises, its own helpers, and what it built, for later lessons."""

from course_utils import exports

__getattr__ = exports.of(__name__)

"""The measurements by name. Each is a module with three things: FILE, where it writes;
`stale(root)`, what of it is out of date; and `main(which, **options)`.
"""

from __future__ import annotations

from types import ModuleType

from tools.measure import checks, grading, hub, live, margins, notebooks, numbers, studies, training

MEASUREMENTS: dict[str, ModuleType] = {
    "numbers": numbers,
    "notebooks": notebooks,
    "study": studies,
    "training": training,
    "checks": checks,
    "margins": margins,
    "grading": grading,
    "hub": hub,
    "live": live,
}

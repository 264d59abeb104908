"""How far: a loop, with a bar, and the learner, in the file that COURSE_PROGRESS names. That stays
on this computer.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any


def bar(iterable: Iterable, label: str = "", **options: Any) -> Iterable:
    """Wrap an iterable in a `tqdm` bar that fits the front end; quiet under test. `options` go to
    tqdm.
    """
    from tqdm.auto import tqdm

    return tqdm(iterable, desc=label, disable="PYTEST_VERSION" in os.environ or None, **options)


@contextlib.contextmanager
def waiting(label: str, shown: bool = True) -> Iterator[Callable[[float], None]]:
    """A bar for something of which only the share of its longest time is known: call what this
    yields with that share. Nothing is drawn unless `shown`.
    """
    if not shown or "PYTEST_VERSION" in os.environ:
        yield lambda share: None
        return
    from tqdm.auto import tqdm

    form = "{desc} {bar} {elapsed}"
    with tqdm(total=100, desc=f"{label} is being tried", bar_format=form, disable=None) as drawn:

        def tick(share: float) -> None:
            drawn.update(100 * share - drawn.n)

        yield tick


def note(exercise_id: str, status: str) -> None:
    """Remember the latest verdict on an exercise. Without COURSE_PROGRESS, or if writing fails,
    nothing happens.
    """
    name = os.environ.get("COURSE_PROGRESS")
    if not name:
        return
    try:
        done = load() | {exercise_id: status}
        temporary = Path(f"{name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(done, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(temporary, name)
    except OSError:
        pass


def load() -> dict[str, str]:
    """Exercise id -> latest verdict; empty where nothing is known or the file cannot be read."""
    try:
        done = json.loads(Path(os.environ.get("COURSE_PROGRESS", "")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return done if isinstance(done, dict) else {}

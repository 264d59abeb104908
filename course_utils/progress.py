"""How far: a loop, with a bar, and the learner, in the file that COURSE_PROGRESS names. That stays
on this computer.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import Any

from course_utils.platform.frontend import say


def bar(iterable: Iterable, label: str = "", **options: Any) -> Iterable:
    """Wrap an iterable in a `tqdm` bar that fits the front end; quiet under test, in the first
    second, and for a single item. `options` go to tqdm.
    """
    from tqdm.auto import tqdm

    if isinstance(iterable, Sized) and len(iterable) < 2:
        return iterable
    options = {"delay": 1} | options
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
    nothing happens; a file that cannot be read is renamed, and that is said.
    """
    name = os.environ.get("COURSE_PROGRESS")
    if not name:
        return
    try:
        done = _read(name)
        if done is None:
            kept = _set_aside(Path(name))
            say(f"Your progress in {name} could not be read: it is kept as {kept}.")
        temporary = Path(f"{name}.{os.getpid()}.tmp")
        text = json.dumps((done or {}) | {exercise_id: status}, indent=1, sort_keys=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, name)
    except OSError:
        pass


def load() -> dict[str, str]:
    """Exercise id -> latest verdict; empty where nothing is known or the file cannot be read."""
    return _read(os.environ.get("COURSE_PROGRESS", "")) or {}


def _read(name: str) -> dict[str, str] | None:
    """What a file holds, in whichever Unicode encoding an editor has saved it; empty where there is
    none, None where it cannot be read.
    """
    if not os.path.exists(name):
        return {}
    try:
        done = json.loads(Path(name).read_bytes() if os.path.isfile(name) else b"")
    except (OSError, ValueError, RecursionError):
        return None
    return done if isinstance(done, dict) else None


def _set_aside(path: Path) -> Path:
    """Rename a file to the first free name beside it, and return that. Raises OSError for a folder
    or whatever else is no file.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    numbers = itertools.count(1)
    kept = next(k for n in numbers if not os.path.lexists(k := Path(f"{path}.unreadable-{n}")))
    return path.rename(kept)

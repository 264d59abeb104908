"""How the suite runs: seeds, the order of the files, a profile for every notebook.

Solved notebooks run in the `cpu` profile, blank ones in `smoke`; one thread each. A solved notebook
that takes longer than HEAVY runs in `smoke` by default, without the cells that judge its numbers,
and whole under `-m slow`. What an exercise draws depends on `seed`: 0 by default. COURSE_TEST_SEEDS
asks for others: a number, a range such as 0-99, `all` (0 to 19), or `any` for a random one.
`-m slow` goes through all twenty.
"""

import atexit
import functools
import json
import os
import random
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from course_utils import runtime

SEEDS = "COURSE_TEST_SEEDS"
BUDGETS = Path(__file__).parent / "tools/measure/budgets.json"
PROGRESS = Path(tempfile.gettempdir()) / f"course-progress-{os.getpid()}.json"
FIGURES = Path(tempfile.gettempdir()) / f"course-figures-{os.getpid()}.txt"
WATCH = f"""
def watch_figures(result):
    import runpy, sys
    if plots := sys.modules.get("course_utils.plots"):
        get_ipython().events.unregister("post_run_cell", watch_figures)
        watch = runpy.run_path({str(Path(__file__).parent / "tests/figures.py")!r})["watch"]
        watch(plots, {str(FIGURES)!r})
get_ipython().events.register("post_run_cell", watch_figures)
"""  # IPython runs it when the kernel of a solved notebook starts
HEAVY = 20  # processor seconds; whoever changes a lesson's code measures it, in `cpu`
SECONDS = {  # of processor time, for those files of tests that take more than a blank notebook
    "test_grading.py": 140,
    "test_exercises.py": 100,
    "test_grading_hostile.py": 50,
    "test_browser.py": 30,
    "test_hostile.py": 45,
    "test_run.py": 40,
    "test_benchmarks.py": 20,
    "test_answers.py": 30,
    "test_live.py": 30,
    "test_diagnosis.py": 15,
    "test_program.py": 15,
    "test_mps.py": 15,
    "test_sandbox.py": 10,
}


def pytest_configure(config: pytest.Config) -> None:
    """`any` becomes a number before the workers start, for they must collect the same tests."""
    if os.environ.get(SEEDS) == "any":
        os.environ[SEEDS] = str(random.randrange(100))


def seeds(config: pytest.Config) -> list:
    """The seeds asked for; by default 0, and where slow tests run also 1 to 19, marked slow."""
    asked = os.environ.get(SEEDS, "").replace("all", "0-19")
    if asked:
        given = re.fullmatch(r"(\d+)(?:-(\d+))?", asked)
        if not given:
            raise pytest.UsageError(f"{SEEDS} is a number, a range such as 0-99, all or any")
        return list(range(int(given[1]), int(given[2] or given[1]) + 1))
    more = [] if "not slow" in config.option.markexpr else range(1, 20)
    return [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in more)]


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with `seed` among its arguments runs once per seed."""
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "seed" in metafunc.fixturenames and not any("seed" in names for names in given):
        metafunc.parametrize("seed", seeds(metafunc.config), ids=lambda seed: f"seed{seed}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is alone with one of them at the end."""
    slow = "not slow" not in config.option.markexpr
    for item in [item for item in items if is_heavy(item.path)]:
        if slow:
            item.add_marker("slow")
        elif "solved" in item.cell["metadata"].get("tags", []):
            items.remove(item)
    items.sort(key=lambda item: -cost(item.path))


@functools.cache
def cost(path: Path) -> float:
    """Processor seconds of a file: a notebook's budget, or what is noted above."""
    budget = json.loads(BUDGETS.read_text(encoding="utf-8")).get(path.stem, {})
    solved = path.parent.name == "solutions"
    return budget.get("seconds" if solved else "smoke_seconds", SECONDS.get(path.name, 0))


def is_notebook(path: Path) -> bool:
    return path.suffix == ".ipynb"


def is_heavy(path: Path) -> bool:
    return path.parent.name == "solutions" and cost(path) > HEAVY


def judges(item: pytest.Item) -> bool:
    """Whether a notebook runs in the profile that its numbers and trained models need."""
    quick = is_heavy(item.path) and "not slow" in item.config.option.markexpr
    return item.path.parent.name == "solutions" and not quick


@functools.cache
def ipython_folder() -> str:
    """IPython's folder for the kernels of solved notebooks: what it runs at the start."""
    folder = Path(tempfile.mkdtemp(prefix="course-ipython-"))
    startup = folder / "profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "figures.py").write_text(WATCH, encoding="utf-8")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """nbval starts a notebook's kernel with this process's environment, right after this hook."""
    if is_notebook(item.path):
        profile = "cpu" if judges(item) else "smoke"
        os.environ.update(COURSE_PROFILE=profile, OMP_NUM_THREADS="1")
        os.environ["COURSE_PROGRESS"] = str(PROGRESS)
        if item.path.parent.name == "solutions":
            os.environ["IPYTHONDIR"] = ipython_folder()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After a solved notebook: all its answers passed their checks, models it trained included, and
    its figures can be read.
    """
    if is_notebook(item.path) and (nextitem is None or nextitem.path != item.path):
        os.environ.pop("COURSE_PROGRESS", None)
        os.environ.pop("IPYTHONDIR", None)
        faults = FIGURES.read_text(encoding="utf-8") if FIGURES.exists() else ""
        FIGURES.unlink(missing_ok=True)
        verdicts = json.loads(PROGRESS.read_text(encoding="utf-8")) if PROGRESS.exists() else {}
        PROGRESS.unlink(missing_ok=True)
        if judges(item):
            assert set(verdicts.values()) == {"pass"}, verdicts
        assert not faults, faults


@pytest.fixture(autouse=True)
def same_dice() -> None:
    """A test's random numbers do not depend on which tests ran before it on that worker."""
    runtime.seed_all(0)


def pytest_report_header() -> str:
    asked = os.environ.get(SEEDS)
    network = (
        "network: off"
        if os.environ.get("COURSE_OFFLINE")
        else "network: as it is (no namespaces on this machine)"
    )
    return f"{network}; seeds of the exercises: {asked or '0, and 1 to 19 in slow tests'}"

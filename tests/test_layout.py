"""Where things are and who may import whom, as CONTRIBUTING says it."""

import ast
import graphlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grading import batch, course, sandbox
from tests.lessons import NUMBERS, ROOT

OURS = ("course_utils", "grading", "tools", "tests", "run", "benchmarks")
# modules and folders that moved; the first part may be followed by a dot or a slash
GONE = """
course_utils.taught course_utils.probes course_utils.record course_utils.hosted
course_utils.frontend course_utils.workspace course_utils.explorables course_utils.newsroom
course_utils.chemistry course_utils.dungeons course_utils.floorplans course_utils.parts
course_utils.plan_drawing course_utils.shapes course_utils.vgg
course_utils.checks.engine course_utils.checks.coders course_utils.checks.lesson\\d\\d
grading.wire grading.worker grading.answering grading.program grading.twins_examples
tools.fill tools.recalibrate tools.benchmark_page tools.build_data tools.chorale_measures
tools.musicxml tools.train_chorale tools.train_classifier tools.train_digits tools.train_weights
""".split()
OLD = re.compile(
    rf"\b(?:{'|'.join(name.replace('.', '[./]') for name in GONE)})\b"
    r"|-m tools\.build\b|-m benchmarks\b|\"benchmarks\"|(?<![\w/])benchmarks/"
    r"|\bsolutions/[\w*]+\.(?:py|toml)\b"
)


def tracked(*folders):
    """Files under version control, or about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this copy of the course is not under version control")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def exists(name):
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or place.is_dir()


def imports(path):
    """(module, name) for every import in a file, wherever it is; the name is "" for a module."""
    package = module(path) if path.name == "__init__.py" else module(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *([node.module] * bool(node.module))])
            yield from ((base, alias.name) for alias in node.names)


def targets(path):
    """The modules that a file imports; of a package, the module that is taken from it."""
    for base, name in imports(path):
        yield f"{base}.{name}" if base.startswith(OURS) and exists(f"{base}.{name}") else base


SOURCES = sorted((ROOT / "course_utils").rglob("*.py"))
MODULES = {module(path): set(targets(path)) for path in SOURCES}


def test_no_path_of_an_earlier_layout_survives():
    old = []
    for path in tracked("*.py", "*.md", "*.toml", "*.yml", "*.json", "*.ipynb", "*/Dockerfile"):
        if path != Path(__file__) and path.name != "CHANGELOG.md":  # which says what moved
            text = path.read_text(encoding="utf-8")
            old += [f"{path.relative_to(ROOT)}: {match[0]}" for match in OLD.finditer(text)]
    assert not old


@pytest.mark.parametrize(
    "old",
    [
        "from course_utils.taught.lesson04 import x",
        "course_utils/checks/lesson04.py",
        "benchmarks/numbers.json",
        '[sys.executable, "-m", "benchmarks", "notebooks"]',
        "python -m tools.build --check",
        "edit solutions/04_autoencoder_to_vae.py",
        "grading/twins_examples/",
    ],
)
def test_the_search_for_old_paths_finds_them(old):
    assert OLD.search(old)


def leads_somewhere(base, name):
    init = ROOT.joinpath(*base.split("."), "__init__.py")
    if not exists(base) or not name or exists(f"{base}.{name}"):
        return exists(base)
    return not init.is_file() or re.search(rf"\b{name}\b", init.read_text(encoding="utf-8"))


def test_every_import_of_our_own_leads_somewhere():
    """A name that is taken from a package is a module of it, or is in its `__init__`. A lesson's
    package finds names when they are asked for.
    """
    lost = []
    for path in tracked("*.py"):
        for base, name in imports(path):
            if base.split(".")[0] in OURS and not re.fullmatch(r"course_utils\.lesson\d\d", base):
                lost += [] if leads_somewhere(base, name) else [f"{module(path)}: {base} {name}"]
    assert not lost


def test_sources_are_in_lessons_and_only_notebooks_in_notebooks_and_solutions():
    kinds = {
        name: {p.suffix for p in tracked(name)} for name in ("lessons", "notebooks", "solutions")
    }
    assert kinds == {"lessons": {".py", ".toml"}, "notebooks": {".ipynb"}, "solutions": {".ipynb"}}


def test_the_package_needs_neither_the_grader_nor_the_tools():
    for name, wanted in MODULES.items():
        outside = {other.split(".")[0] for other in wanted} & {"grading", "tools", "tests", "run"}
        assert not outside, name


def test_a_lesson_takes_of_another_only_what_that_one_exports():
    """The package itself, which finds the exports, or `taught`."""
    inside = re.compile(r"course_utils\.(lesson\d\d)(?:\.(\w+))?")
    for name, wanted in MODULES.items():
        for there in filter(None, map(inside.match, wanted)):
            if inside.match(name) and there[1] != inside.match(name)[1]:
                assert there[2] in (None, "taught"), f"{name} imports {there[0]}"


def test_no_module_of_the_package_imports_itself_by_a_detour():
    """At the top of a module or inside a function: either makes a circle."""
    graph = {name: wanted & MODULES.keys() for name, wanted in MODULES.items()}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


def test_a_circle_would_be_found():
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())


@pytest.mark.parametrize("number", NUMBERS)
def test_a_box_holds_all_but_exercises_and_what_the_lesson_and_later_ones_build(number, tmp_path):
    sandbox.stage(tmp_path, number)
    for folder in ("course_utils", "grading/inside"):
        there = {path.relative_to(tmp_path) for path in files(tmp_path / folder)}
        missing = {path.relative_to(ROOT) for path in files(ROOT / folder)} - there
        lessons = [f"course_utils/lesson{n}" for n in NUMBERS] if folder == "course_utils" else []
        expected = {Path(f"{lesson}/exercises.py") for lesson in lessons}
        expected |= {Path(f"{lesson}/taught.py") for lesson in lessons if lesson[-2:] >= number}
        assert missing == expected
    inside = {
        path.relative_to(tmp_path / "grading").parts[0] for path in files(tmp_path / "grading")
    }
    assert inside == {"__init__.py", "inside"}


def files(folder):
    return [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The folders that a verdict depends on."""
    place = tmp_path_factory.mktemp("course")
    for folder in ("course_utils", "grading"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, place / folder, ignore=ignored)
    return place


@pytest.mark.parametrize(
    "name",
    [
        "grading/collect.py",
        "grading/judge.py",
        "grading/inside/worker.py",
        "grading/a_new_module.py",
        "course_utils/asking/ask.py",
        "course_utils/checks/diagnosis.py",
        "course_utils/lesson01/exercises.py",
        "course_utils/lesson10/taught.py",
        "course_utils/numbers.json",
        "course_utils/data/a_new_folder/file.txt",
    ],
)
def test_a_verdict_is_stale_when_any_file_of_the_course_or_the_grader_changes(
    copied, monkeypatch, name
):
    lessons = list(course.lessons().values())
    monkeypatch.setitem(batch.fingerprint.__globals__, "ROOT", copied)
    before, path = batch.fingerprint(lessons), copied / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert batch.fingerprint(lessons) != before

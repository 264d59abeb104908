"""`python -m tools` makes what is cheap; `--check` notices whatever is out of date, and names the
command that brings it up to date.
"""

import importlib
import io
import json
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout

import pytest

import run
from tests.lessons import ROOT
from tools import __main__ as tools
from tools import address, make, pages
from tools.measure import command
from tools.render import Facts

COPIED = ("lessons", "notebooks", "solutions", "docs", "grading/examples", "tools/data/cards")
CLONE = "git clone https://github.com/"
BEFORE = (run.MINIMUM, run.NEWEST)


def copy_of_the_course(folder):
    """All that is made, and all that it is made from."""
    for name in (*COPIED, "tools/measure", "course_utils"):
        skipped = shutil.ignore_patterns("__pycache__", "_build")
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for path in [*ROOT.glob("*.md"), ROOT / "CITATION.cff", ROOT / "pyproject.toml"]:
        shutil.copy(path, folder)
    return folder


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text, (path.name, old)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def append(path, cell):
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{cell}\n", encoding="utf-8")


def edit_json(path, change):
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def no_output(book):
    next(cell for cell in book["cells"] if cell.get("outputs"))["outputs"] = []


# what somebody does -> the line that `--check` prints for it
DAMAGES = {
    "a sentence of a lesson": (
        lambda at: append(at / "lessons/02_losses.py", "# %% [markdown]\n# One more thing."),
        "notebooks/02_losses.ipynb: python -m tools",
    ),
    "a solved notebook edited": (
        lambda at: edit_json(at / "solutions/03_optimizers.ipynb", lambda b: b["cells"].pop()),
        "solutions/03_optimizers.ipynb: python -m tools",
    ),
    "what a lesson taught": (
        lambda at: (at / "course_utils/lesson03/taught.py").unlink(),
        "course_utils/lesson03/taught.py: python -m tools",
    ),
    "a prediction on a room's page": (
        lambda at: edit(at / "docs/workshop/05/room.md", "- *", "- "),
        "docs/workshop/05/room.md: python -m tools",
    ),
    "a timetable": (
        lambda at: edit(at / "docs/workshop/half_day.md", "| 9:00 |", "| 9:05 |"),
        "docs/workshop/half_day.md: python -m tools",
    ),
    "the README's table": (
        lambda at: edit(at / "README.md", "| 02 | ", "| 02 | the "),
        "README.md: python -m tools",
    ),
    "the page of measurements": (
        lambda at: edit(at / "docs/benchmarks.md", "| 01 | ", "| 01 | 1"),
        "docs/benchmarks.md: python -m tools",
    ),
    "another fork's address": (
        lambda at: edit(at / "docs/workshop/before.md", CLONE, CLONE + "not-"),
        "docs/workshop/before.md: python -m tools",
    ),
    "an old range of Pythons": (
        lambda at: edit(at / "docs/index.md", "Python 3.11 to", "Python 3.10 to"),
        "docs/index.md: python -m tools",
    ),
    "a card": (
        lambda at: edit(at / "course_utils/data/cards/mnist5k.md", "bytes", "kilobytes"),
        "course_utils/data/cards/mnist5k.md: python -m tools",
    ),
    "a data file": (
        lambda at: (at / "course_utils/data/files/molecules.smi").unlink(),
        "course_utils/data/files/molecules.smi: python -m tools data",
    ),
    "a trained model": (
        lambda at: (at / "course_utils/data/files/weights_digits.npz").unlink(),
        "course_utils/data/files/weights_digits.npz: python -m tools data --weights weights_digits",
    ),
    "a notebook without a source": (
        lambda at: shutil.copy(at / "notebooks/index.ipynb", at / "notebooks/11_gone.ipynb"),
        "notebooks/11_gone.ipynb: git rm notebooks/11_gone.ipynb",
    ),
    "an output that was not kept": (
        lambda at: edit_json(at / "solutions/01_distributions.ipynb", no_output),
        "solutions/01_distributions.ipynb: python -m tools execute 01",
    ),
    "the code of a lesson": (
        lambda at: append(at / "lessons/04_autoencoder_to_vae.py", "# %%\none_more = 1"),
        "tools/measure/budgets.json: python -m tools measure notebooks 04",
    ),
    "a number that a lesson reaches": (
        lambda at: append(at / "lessons/06_gan.py", '# %%\nruntime.reached({"06.new": 1.0})'),
        "course_utils/numbers.json: python -m tools measure numbers 06",
    ),
    "the script of a study": (
        lambda at: edit(at / "tools/measure/studies/digit_beta.py", "def run()", "def run(x=1)"),
        "course_utils/data/studies: python -m tools measure study digit_beta",
    ),
    "a training": (
        lambda at: edit_json(at / "tools/measure/training.json", lambda rows: rows.pop()),
        "tools/measure/training.json: python -m tools measure training",
    ),
    "an exercise that was not timed": (
        lambda at: edit_json(at / "tools/measure/checks.json", lambda timed: timed["07"].pop()),
        "tools/measure/checks.json: python -m tools measure checks 07",
    ),
    "a lesson that was not graded": (
        lambda at: edit_json(at / "tools/measure/grading.json", lambda graded: graded.pop("08")),
        "tools/measure/grading.json: python -m tools measure grading 08",
    ),
    "a hub that ran another course": (
        lambda at: edit_json(at / "tools/measure/hub.json", lambda hub: hub.update(lesson="11_x")),
        "tools/measure/hub.json: python -m tools measure hub 01",
    ),
}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A copy on which all of that has happened, and what `--check` prints about it."""
    folder = copy_of_the_course(tmp_path_factory.mktemp("damaged"))
    for damage, _ in DAMAGES.values():
        damage(folder)
    before = contents(folder)
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert make.main(["--check"], folder) == 1
    assert contents(folder) == before  # it writes nothing
    return folder, printed.getvalue()


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_current(capsys):
    assert make.main(["--check"]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out == "everything is up to date\n"


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_is_out_of_date_is_noticed_with_its_command(damaged, kind):
    line = DAMAGES[kind][1]
    assert f"out of date: {line}\n" in damaged[1]


def test_a_command_that_is_named_exists(damaged):
    for name, what in re.findall(r"python -m tools (\S+)(?: (\S+))?$", damaged[1], flags=re.M):
        assert name in tools.COMMANDS and (name != "measure" or what in command.MEASUREMENTS)


def test_making_mends_what_is_cheap_and_lists_the_rest(damaged, capsys):
    folder, noticed = damaged
    cheap = re.findall(r"^out of date: (\S+): python -m tools$", noticed, flags=re.M)
    slow = re.findall(r"^out of date: (.+: (?!python -m tools$).+)$", noticed, flags=re.M)
    assert make.main([], folder) == 0
    printed = capsys.readouterr().out
    assert re.findall(r"^wrote (\S+)$", printed, flags=re.M) == cheap
    assert re.findall(r"^  (.+)$", printed, flags=re.M) == slow
    assert make.different(make.targets(folder)) == []


# --- the address, and the Pythons -----------------------------------------------------------------


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A copy of the course that got another address."""
    folder = copy_of_the_course(tmp_path_factory.mktemp("moved"))
    assert address.main(["https://github.com/some-body/another.name"], folder) == 0
    return folder


def test_one_setting_decides_every_badge_and_link(moved, capsys):
    assert make.main(["--check"], moved) == 0, capsys.readouterr().out
    owner, name = Facts(ROOT).repository.split("/")[-2:]
    old = re.compile(rf"{owner}(/|%2F|\.github\.io/){re.escape(name)}")
    for path, content in contents(moved).items():
        if path.suffix not in (".npz", ".png", ".webp", ".pyc"):
            assert not old.search(content.decode("utf-8")), path
    for name in ("README.md", "CITATION.cff", "notebooks/01_distributions.ipynb"):
        assert "some-body/another.name" in (moved / name).read_text(encoding="utf-8")


def test_pages_name_the_pythons_of_run_py(monkeypatch):
    monkeypatch.setattr(pages.run, "MINIMUM", (3, 12))
    monkeypatch.setattr(pages.run, "NEWEST", (3, 15))
    texts = pages.targets(ROOT, {})
    oldest, newest = ("{}.{}".format(*version) for version in BEFORE)
    for path, text in texts.items():
        assert f"{oldest} to {newest}" not in text and f"ython{newest}" not in text, path
        assert f"get Python {newest}" not in text and f"--python {newest}" not in text, path
    named = [path.name for path, text in texts.items() if "Python 3.12 to 3.15" in text]
    assert named == ["README.md", "glossary.md", "index.md", "before.md", "hub.md"]


ELSEWHERE = ("new-exercise", "release")  # tested beside what they write

# --- the command ----------------------------------------------------------------------------------


def test_every_command_is_listed_and_an_unknown_one_is_named(capsys):
    assert tools.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"python -m tools {name} " in printed for name in tools.COMMANDS)
    assert tools.main(["bild"]) == 2 and "no command bild" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in tools.COMMANDS if name not in ELSEWHERE])
def test_every_command_says_what_it_does_when_asked(name, capsys):
    module = importlib.import_module(tools.COMMANDS[name][0])
    with pytest.raises(SystemExit) as end:
        module.main(["--help"])
    assert end.value.code == 0 and f"python -m tools {name}" in capsys.readouterr().out


def test_measure_lists_what_can_be_measured(capsys):
    assert command.main([]) == 0
    printed = capsys.readouterr().out
    assert all(re.search(rf"^ +{what}\b", printed, flags=re.M) for what in command.MEASUREMENTS)


def test_measuring_passes_its_options_on_and_then_makes(monkeypatch):
    asked = []
    for what in command.MEASUREMENTS:
        monkeypatch.setattr(
            command.MEASUREMENTS[what],
            "main",
            lambda what=what, **options: asked.append((what, options)) or 0,
        )
    monkeypatch.setattr(make, "main", lambda arguments: asked.append("made") or 0)
    assert command.main(["notebooks", "04"]) == 0
    assert command.main(["hub", "01", "--users", "3"]) == 0
    assert command.main(["numbers", "--seeds", "7"]) == 0
    assert command.main(["training", "--row", "vae/ours"]) == 0
    assert asked == [
        ("notebooks", {"which": "04"}),
        "made",
        ("hub", {"which": "01", "users": 3}),
        "made",
        ("numbers", {"which": "", "seeds": 7}),
        "made",
        ("training", {"row": "vae/ours"}),  # a line of JSON for the process that asked
    ]


def test_the_command_loads_only_what_it_needs():
    code = "import sys, tools.__main__; print('torch' in sys.modules, 'tools.build' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr

"""The set-up cell as Colab meets it: an empty folder, a PyTorch that is there, no course, and no
network.

A Python of its own sees the packages of this one through links, except the course and RDKit. A
folder of wheels stands for the package index: the course as it is built here, and stand-ins for
RDKit and newer versions of what must not move.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

from course_utils import __version__
from course_utils.platform import colab
from tests.lessons import ROOT, STEMS
from tests.test_packaging import PROJECT
from tools.render import Facts, badges

pytestmark = pytest.mark.skipif(os.name == "nt", reason="symbolic links as on Linux and macOS")
HIDDEN = ("course_utils", "generative_ai_course", "__editable__", "rdkit")


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """A package of one empty module."""
    info = f"{name}-{version}.dist-info"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {n}\n" for n in needs
    )
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}/__init__.py", "")
        file.writestr(f"{info}/METADATA", meta)
        file.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--wheel-dir",
            str(folder),
            str(copied(tmp_path_factory.mktemp("source"))),
        ],
        check=True,
    )
    for name, version, needs in (
        ("rdkit", "1.0", ["numpy"]),
        ("rdkit", "2.0", ["numpy>=99"]),
        ("numpy", "99.0", []),
        ("torch", "99.0", []),
    ):
        wheel(folder, name, version, *needs)
    return folder


def copied(folder: Path) -> Path:
    """What a build of the package reads, where it may leave its traces."""
    shutil.copytree(
        ROOT / "course_utils", folder / "course_utils", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def host(tmp_path) -> Path:
    """A Python with PyTorch and all else that the course needs, but without the course."""
    venv.create(tmp_path / "python", symlinks=True)
    links = tmp_path / "links"
    links.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(HIDDEN):
            (links / path.name).symlink_to(path)
    [packages] = (tmp_path / "python/lib").glob("python*/site-packages")
    (packages / "links.pth").write_text(f"{links}\n")
    return tmp_path / "python/bin/python"


def simulated(python: Path, index: Path, notebook: Path, cells: int) -> subprocess.CompletedProcess:
    [course] = index.glob("generative_ai_course-*.whl")
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PIP_", "COURSE_", "JUPYTER"))
    }
    settings = {
        "COURSE_SOURCE": str(course),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_CONFIG_FILE": os.devnull,
        "COURSE_PROFILE": "smoke",
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    return subprocess.run(
        [str(python), str(ROOT / "tools/colab.py"), str(notebook), "--cells", str(cells)],
        cwd=index,
        text=True,
        env={**inherited, **settings},
        capture_output=True,
        check=False,
    )


def test_a_lesson_starts_in_an_empty_folder_and_torch_and_numpy_stay(host, index):
    """The set-up cell runs twice; RDKit's newer release wants a newer NumPy and must not get it."""
    told = simulated(host, index, ROOT / "notebooks/10_medicine_and_safety.ipynb", cells=2)
    assert told.returncode == 0, told.stderr
    assert f"new: generative-ai-course {__version__}, rdkit 1.0\nchanged: nothing" in told.stdout
    again = simulated(host, index, ROOT / "notebooks/10_medicine_and_safety.ipynb", cells=1)
    assert again.returncode == 2 and "use one that lacks it" in again.stderr


def test_a_lesson_that_names_nothing_gets_the_course_alone(host, index, tmp_path):
    """Its data come with the wheel, and a check answers."""
    book = nbformat.read(ROOT / "notebooks/01_distributions.ipynb", as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"][:2]
    code.append(
        nbformat.v4.new_code_cell(
            "assert data.mnist() and len(data.molecules())\n"
            "import course_utils\nassert 'site-packages' in course_utils.__file__\n"
            "assert check('1.1', lambda x, mu, sigma: 0).yours"
        )
    )
    small = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=code), small)
    told = simulated(host, index, small, cells=3)
    assert told.returncode == 0, told.stderr
    assert f"new: generative-ai-course {__version__}\nchanged: nothing" in told.stdout


def test_a_changed_package_is_told_and_fails(host, index, tmp_path):
    """The simulation itself can fail: a notebook that raises, and one that replaces NumPy."""
    for text, code, word in (
        ("raise ValueError('no')", 1, "ValueError"),
        (
            (
                "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip',"
                " 'install', '-q', 'numpy==99.0'])"
            ),
            1,
            "numpy",
        ),
    ):
        cell = nbformat.v4.new_code_cell(text, metadata={"tags": ["setup"]})
        path = tmp_path / "bad.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        told = simulated(host, index, path, cells=0)
        assert told.returncode == code and word in told.stdout + told.stderr


# --- the second half of the set-up, by itself -----------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """What pip is asked for, with the constraints as they were at that moment."""
    calls = []

    def call(command):
        calls.append(
            (
                command[command.index("-c") + 2 :],
                Path(command[command.index("-c") + 1]).read_text(encoding="utf-8"),
            )
        )
        return 1

    monkeypatch.setattr(colab.subprocess, "call", call)
    return calls


def test_on_a_computer_of_ones_own_nothing_is_installed(asked, monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert colab.complete("no-such-package") == [] and asked == []


def test_a_host_gets_what_is_missing_under_a_constraint_and_a_failure_is_a_sentence(
    asked, monkeypatch, capsys
):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert colab.complete() == [] and asked == []
    assert colab.complete("no-such-package") == ["no-such-package"]
    [(names, constraints)] = asked
    assert names == ["no-such-package"]
    assert constraints == "".join(
        f"{name}=={colab.version_of(name)}\n" for name in ("torch", "numpy")
    )
    assert "no-such-package could not be installed" in capsys.readouterr().out


def test_the_hosts_front_end_is_left_alone():
    assert {"torch", "numpy", "scikit-image"} <= set(
        colab.required()
    ) and not colab.FRONT_END & set(colab.required())


@pytest.mark.parametrize("stem", STEMS)
def test_badges_name_a_notebook_that_exists(stem):
    text = badges(stem, Facts(ROOT))
    assert text.count(f"{stem}.ipynb") == 2 and (ROOT / f"notebooks/{stem}.ipynb").exists()

"""`python run.py check` names each thing that is wrong, in one screen, on computers that are broken
on purpose.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.lessons import ROOT
from tests.test_packaging import PROJECT
from tests.test_run import Course, pytestmark  # noqa: F401

SCREEN = 24  # lines
TORCH = "class ones:\n    def __init__(self, n): pass\n    def sum(self): return 2.0\n"
RECORD = 'import os\nprint("noted in", os.environ["COURSE_PROGRESS"])\n'


LAB = "class LabApp:\n    initialize_server = staticmethod(lambda argv: None)\n"


@pytest.fixture
def course(tmp_path):
    course = Course(tmp_path)
    (course.folder / "notebooks/index.ipynb").write_text("{}")
    return course


@pytest.fixture
def whole(course):
    """A course whose .venv has a stand-in for everything that it needs."""
    venv.create(course.folder / ".venv", symlinks=os.name != "nt")
    pins = ["torch==2.13.0"]
    for name, modules in doctor(course).PACKAGES.items():
        info = course.packages() / f"{name.replace('-', '_')}-2.13.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.13.0\n")
        (info / "RECORD").write_text("torch/lib/libtorch_cpu.so,,\n")
        (info / "INSTALLER").touch()
        pins += [f"{name}==2.13.0"]
        for module in modules:
            path = course.packages().joinpath(*module.split("."))
            path.mkdir(parents=True, exist_ok=True)
            (path / "__init__.py").touch()
    (course.packages() / "torch/__init__.py").write_text(TORCH)
    (course.packages() / "jupyterlab/labapp/__init__.py").write_text(LAB)
    (course.folder / "course_utils/checks").mkdir()
    (course.folder / "course_utils/checks/record.py").write_text(RECORD)
    (course.folder / "constraints.txt").write_text("\n".join(pins) + "\n")
    mark(course)
    return course


def doctor(course):
    return course.module("course_utils.platform.doctor")


def mark(course):
    """Say, as an install does at its end, that all is there."""
    note = {"fingerprint": course.installation().fingerprint(), "commands": ["lab"]}
    (course.packages() / "course-ready.json").write_text(json.dumps(note))


def examine(course, capsys, change=lambda module: None):
    """Exit code and rows of a check inside this process, where the computer can be bent."""
    module = doctor(course)
    change(module)
    code = module.main()
    screen = capsys.readouterr().out
    assert len(screen.splitlines()) <= SCREEN
    assert ("Nothing is missing" in screen) == (code == 0)
    return code, re.findall(r"^(ok|note|MISSING) +(.*)$", screen, flags=re.M)


def only(rows, state):
    return [text for row_state, text in rows if row_state == state]


# --- in order -------------------------------------------------------------------------------------


def test_where_all_is_there_it_says_so(whole):
    result = whole.run("check")
    assert result.returncode == 0 and "MISSING" not in result.stdout, result.stdout
    assert (
        "Nothing is missing: `python run.py lab` opens the course." in result.stdout
        and result.stderr == ""
    )
    assert whole.calls() == [], "it installs nothing"


def test_how_far_one_is_comes_from_the_small_file_and_only_if_it_is_there(whole):
    assert "noted in" not in whole.run("check").stdout
    (whole.folder / "my").mkdir()
    (whole.folder / "my/.progress.json").write_text("{}")
    assert f"noted in {whole.folder / 'my/.progress.json'}" in whole.run("check").stdout


@pytest.mark.skipif(
    not (ROOT / ".venv").exists(),
    reason="run.py has installed nothing here, as in the weekly canary",
)
def test_this_very_installation_is_in_order_and_shows_the_lessons(tmp_path):
    progress = tmp_path / "progress.json"
    progress.write_text('{"1.1": "pass"}')
    result = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "check"],
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "COURSE_PROGRESS": str(progress)},
    )
    assert re.search(
        r"^ok +PyTorch [\d.]+ and the other packages start$", result.stdout, flags=re.M
    ), result.stdout
    assert re.search(r"^01 +#--- +1 of 4", result.stdout, flags=re.M), result.stdout
    assert len(result.stdout.splitlines()) <= SCREEN


def test_it_knows_every_package_that_the_course_needs():
    from course_utils.platform.doctor import PACKAGES

    assert set(PACKAGES) == {re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]} | {
        PROJECT["name"]
    }


# --- broken installations -------------------------------------------------------------------------


def test_nothing_installed_is_said_and_stays_so(course):
    result = course.run("check")
    assert (
        result.returncode == 1
        and "nothing is installed yet; `python run.py lab` installs them" in result.stdout
    )
    assert not (course.folder / ".venv").exists() and "One thing needs fixing" in result.stdout


def test_a_broken_venv_is_said(course):
    (course.folder / ".venv").mkdir()
    result = course.run("check")
    assert result.returncode == 1 and "incomplete, broken or of another Python" in result.stdout


def test_an_unfinished_install_is_said(whole, capsys):
    (whole.packages() / "course-ready.json").unlink()
    code, rows = examine(whole, capsys)
    assert (
        code == 1
        and len(only(rows, "MISSING")) == 1
        and "incomplete or out of date" in only(rows, "MISSING")[0]
    )


@pytest.mark.parametrize("name", ["numpy", "torch", "jupyterlab", "ipykernel", "course_utils"])
def test_a_package_that_is_gone_is_named(whole, capsys, name):
    shutil.rmtree(whole.packages() / name)
    code, rows = examine(whole, capsys)
    [text] = only(rows, "MISSING")
    name = {"course_utils": "generative-ai-course", "ipykernel": "jupyterlab"}.get(name, name)
    assert code == 1 and text.startswith(f"in .venv: {name};")
    assert "delete the folder .venv" in text, "run.py would take the installation for complete"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "raise OSError('libtorch_cpu.so: cannot open shared object file\\nmore')",
            "libtorch_cpu.so: cannot open",
        ),
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("ones = None", "torch does not start: TypeError"),
        ("import os\nos._exit(3)", "torch ends Python itself"),
    ],
)
def test_a_package_that_does_not_start_is_quoted(whole, capsys, content, says):
    (whole.packages() / "torch/__init__.py").write_text(content)
    code, rows = examine(whole, capsys)
    [text] = only(rows, "MISSING")
    assert code == 1 and says in text and "delete the folder .venv" in text


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (
            "raise OSError('libgomp.so.1: cannot open shared object file: No such file')",
            "install the package of your system that contains libgomp.so.1",
        ),
        ("raise OSError('[WinError 126] c10.dll or one of its dependencies')", "vc_redist"),
        ("raise OSError('[WinError 1455] The paging file is too small')", "close other programs"),
        ("raise MemoryError", "close other programs"),
        (
            "raise ImportError('libtorch_cpu.so: failed to map segment from shared object:"
            " Operation not permitted')",
            "put the course into another folder",
        ),
        ("raise PermissionError(13, 'Permission denied')", "put the course into another folder"),
        (
            'raise ImportError("/lib/libc.so.6: version `GLIBC_2.34\' not found")',
            "this system is too old for it",
        ),
        ("import os, signal\nos.kill(os.getpid(), 4)", "use another computer, or a browser"),
        ("import os, signal\nos.kill(os.getpid(), 9)", "close other programs"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")
def test_deleting_the_installation_is_not_advised_where_it_cannot_help(
    whole, capsys, content, advice
):
    (whole.packages() / "torch/__init__.py").write_text(content)
    code, rows = examine(whole, capsys)
    [text] = only(rows, "MISSING")
    assert code == 1 and advice in text and ".venv" not in text


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH"])
def test_other_programs_libraries_are_named(course, monkeypatch, variable):
    remedy = doctor(course).remedy
    errors = (
        "ImportError: /opt/gcc/libstdc++.so.6: version `GLIBCXX_3.4.32' not found",
        "ImportError: libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent",
    )
    for name in ("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"):
        monkeypatch.delenv(name, raising=False)
    assert not any("start this without" in remedy(error, "") for error in errors)
    monkeypatch.setenv(variable, "/opt/gcc")
    assert all(f"start this without {variable}" in remedy(error, "") for error in errors)
    assert remedy("ModuleNotFoundError: No module named 'x'", "reinstall") == "reinstall"


def test_a_broken_package_of_an_unfinished_install_is_left_to_the_install(whole, capsys):
    (whole.packages() / "course-ready.json").unlink()
    (whole.packages() / "numpy/__init__.py").write_text("import half_of_it")
    code, rows = examine(whole, capsys)
    assert code == 1 and len(only(rows, "MISSING")) == 2
    assert all("`python run.py lab` continues" in text for text in only(rows, "MISSING"))


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (
            "raise PermissionError(13, 'Permission denied', '/home/me/.jupyter')",
            "/home/me/.jupyter",
        ),
        (
            "import sys; print('Exception while loading config', file=sys.stderr); sys.exit(1)",
            "Exception while loading config",
        ),
        ("raise ImportError('no module tornado')", "no module tornado"),
    ],
)
def test_a_server_that_does_not_start_is_quoted(whole, capsys, failure, says):
    """All packages can be imported, and still JupyterLab cannot start."""
    server = (
        f"class LabApp:\n    @staticmethod\n    def initialize_server(argv):\n        {failure}\n"
    )
    (whole.packages() / "jupyterlab/labapp/__init__.py").write_text(server)
    code, rows = examine(whole, capsys)
    [text] = only(rows, "MISSING")
    assert code == 1 and text.startswith("JupyterLab's server does not start: ") and says in text
    assert ".venv" not in text


def test_packages_that_cannot_be_examined_are_not_in_order(whole, capsys):
    def change(module):
        def fail():
            raise RuntimeError("strange")

        module.attempted = fail

    code, rows = examine(whole, capsys, change)
    assert code == 1 and "packages could not be examined (RuntimeError: strange)" in only(
        rows, "MISSING"
    )


def test_another_version_than_the_tested_one_is_worth_a_note(whole, capsys):
    path = whole.folder / "constraints.txt"
    path.write_text(path.read_text().replace("numpy==2.13.0", "numpy==2.4.6"))
    mark(whole)
    code, rows = examine(whole, capsys)
    assert code == 0 and "numpy is version 2.13.0, and the course is tested with 2.4.6" in only(
        rows, "note"
    )


# --- broken computers -----------------------------------------------------------------------------


def full_disk(module):
    module.shutil = type(
        "FullDisk",
        (),
        {
            **vars(shutil),
            "disk_usage": staticmethod(
                lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10**8)
            ),
        },
    )


def no_port(module):
    class Socket(socket.socket):
        def bind(self, address):
            raise PermissionError(13, "Permission denied")

    module.socket = type("NoSocket", (), {**vars(socket), "socket": Socket})


def read_only(module):
    module.os = type("ReadOnly", (), {**vars(os), "access": staticmethod(lambda path, mode: False)})


BENT = {
    "32 bits": (
        lambda m: setattr(m, "sys", type("Sys32", (), {**vars(sys), "maxsize": 2**31 - 1})),
        "32 bits",
    ),
    "disk": (full_disk, "0.1 GB are free on the disk"),
    "memory": (lambda m: setattr(m, "memory", lambda: 1_500_000_000), "memory: 1.5 GB"),
    "port": (no_port, "no port of 127.0.0.1 can be opened (Permission denied)"),
    "folder": (read_only, "cannot be written"),
}


@pytest.mark.parametrize("what", BENT)
def test_what_is_wrong_with_the_computer_is_named(whole, capsys, what):
    change, says = BENT[what]
    code, rows = examine(whole, capsys, change)
    assert code == 1 and [says in text for text in only(rows, "MISSING")] == [True], rows


def test_a_python_without_venv_is_named_where_it_is_needed(course, whole, capsys):
    def change(module):
        module.installation.missing_modules = lambda: ["venv", "ensurepip"]

    assert examine(whole, capsys, change)[0] == 0, ".venv is made already, with pip"
    shutil.rmtree(course.folder / ".venv")
    _, rows = examine(course, capsys, change)
    assert any("lacks its module venv and ensurepip" in text for text in only(rows, "MISSING"))


def test_missing_notebooks_are_named(whole, capsys):
    (whole.folder / "notebooks/index.ipynb").unlink()
    code, rows = examine(whole, capsys)
    assert code == 1 and "git checkout -- notebooks/index.ipynb" in only(rows, "MISSING")[0]


def test_a_file_in_place_of_my_folder_is_named(whole, capsys):
    (whole.folder / "my").touch()
    code, rows = examine(whole, capsys)
    assert code == 1 and "my is not a folder: rename that file" in only(rows, "MISSING")[0]


def test_all_that_is_wrong_is_named_at_once(course, capsys):
    def change(module):
        for bend in (full_disk, BENT["memory"][0], no_port):
            bend(module)

    code, rows = examine(course, capsys, change)
    assert code == 1 and len(only(rows, "MISSING")) == 4


def test_what_one_can_live_with_is_a_note(whole, capsys):
    def change(module):
        module.memory = lambda: 3_000_000_000
        module.webbrowser = type(
            "NoBrowser",
            (),
            {"Error": OSError, "get": staticmethod(lambda: (_ for _ in ()).throw(OSError()))},
        )

    code, rows = examine(whole, capsys, change)
    notes = " ".join(only(rows, "note"))
    assert code == 0 and "3.0 GB of memory: enough" in notes and "no browser was found" in notes


def test_a_taken_port_is_a_note(whole, capsys):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8888))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        code, rows = examine(whole, capsys)
    assert code == 0 and "port 8888 is taken: JupyterLab takes another one" in only(rows, "note")


def test_a_look_that_fails_is_a_note_and_the_others_go_on(whole, capsys):
    def fails():
        raise RuntimeError("strange")

    code, rows = examine(whole, capsys, lambda module: setattr(module, "memory", fails))
    assert code == 0 and "memory could not be examined (RuntimeError: strange)" in only(
        rows, "note"
    )
    assert any("PyTorch" in text for text in only(rows, "ok"))


def test_a_containers_limit_counts(course, monkeypatch):
    module, read = doctor(course), Path.read_text
    if os.name == "nt":
        pytest.skip("no control groups")
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda path: "1000000\n" if str(path) == "/sys/fs/cgroup/memory.max" else read(path),
    )
    assert module.memory() == 1_000_000

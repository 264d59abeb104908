"""The two commands in a folder of their own, with stand-ins for pip, ensurepip, pytest and
JupyterLab; no network.
"""

import ast
import errno
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path
from types import ModuleType

import pytest

from run import MINIMUM, NEWEST

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    sys.version_info[:2] > NEWEST, reason="run.py refuses a Python as new as this one"
)
posix_only = pytest.mark.skipif(
    os.name == "nt", reason="signals and symbolic links as on Linux and macOS"
)

# Each stand-in is a module that Python finds before the real one.
STAND_INS = {
    "ensurepip": (
        """
import os, sys, sysconfig
folder = os.path.join(sysconfig.get_path("purelib"), "pip-99.dist-info")
os.makedirs(folder, exist_ok=True)
open(os.path.join(folder, "INSTALLER"), "w").close()
"""
    ),
    "pip": (
        """
import json, os, sys, sysconfig, time
with open("calls.jsonl", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if os.environ.get("PIP_SAYS"):
    sys.exit(print(os.environ["PIP_SAYS"]) or 1)
if os.environ.get("PIP_SLEEPS"):
    time.sleep(float(os.environ["PIP_SLEEPS"]))
if "torch" in sys.argv:
    folder = os.path.join(sysconfig.get_path("purelib"), "torch-2.13.0+cpu.dist-info")
    os.makedirs(folder, exist_ok=True)
    open(os.path.join(folder, "INSTALLER"), "w").close()
print("Collecting torch>=2.4 (from generative-ai-course)\\nInstalling collected packages: torch")
"""
    ),
    "program": (
        """
import json, os, socket, sys
networks = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else []
with open("started.json", "w") as file:
    json.dump({"program": __spec__.parent, "arguments": sys.argv[1:], "environment": dict(os.environ),
               "folder": os.getcwd(), "networks": networks}, file)
sys.exit(int(os.environ.get("EXIT", "0")))
"""
    ),
}


class Course:
    """A folder with run.py in it, and what happened there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stand_ins = folder / "the course", folder / "stand-ins"
        (self.folder / "notebooks").mkdir(parents=True)
        shutil.copy(ROOT / "run.py", self.folder)
        (self.folder / "pyproject.toml").write_text("[project]\n")
        (self.folder / "constraints.txt").write_text("# pins\ntorch==2.13.0\n")
        (self.folder / "course_utils").mkdir()
        (self.folder / "course_utils/__init__.py").touch()
        shutil.copy(ROOT / "course_utils/platform/workspace.py", self.folder / "course_utils")
        for name in ("ensurepip", "pip", "pytest", "jupyterlab"):
            (self.stand_ins / name).mkdir(parents=True)
            (self.stand_ins / name / "__init__.py").touch()
            (self.stand_ins / name / "__main__.py").write_text(
                STAND_INS.get(name, STAND_INS["program"])
            )

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        mine = ("COURSE_", "OMP_", "PIP_")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
        unreachable = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
        return {**inherited, **unreachable, "PYTHONPATH": str(self.stand_ins), **settings}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, str(self.folder / "run.py"), *arguments],
            capture_output=True,
            text=True,
            env=self.environment(settings),
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(self.folder / "run.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(settings),
            start_new_session=True,
        )

    def calls(self) -> list[list[str]]:
        """What pip was asked to install, since the last time."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def started(self) -> dict:
        return json.loads((self.folder / "started.json").read_text())

    def packages(self) -> Path:
        [folder] = (self.folder / ".venv").glob("[Ll]ib/**/site-packages")
        return folder

    def module(self) -> ModuleType:
        """This folder's run.py, to look into."""
        spec = importlib.util.spec_from_file_location("run_under_test", self.folder / "run.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def package(course: Course, name: str, finished: bool = True) -> Path:
    folder = course.packages() / f"{name}.dist-info"
    folder.mkdir()
    (folder / "METADATA").touch()
    if finished:
        (folder / "INSTALLER").touch()
    return folder


def sentence(result: subprocess.CompletedProcess, *words: str) -> None:
    """One sentence on stderr that holds all the words, and an exit code that says no."""
    assert result.returncode not in (0, None)
    assert result.stderr.strip().count("\n") == 0, result.stderr
    assert all(word in result.stderr for word in words), result.stderr


# --- what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "command is missing"),
        (["tset"], "'tset'"),
        (["Lab"], "'Lab'"),
        (["test", "-k", "x"], "'-k'"),
        (["lab", "--port=1"], "'--port=1'"),
    ],
)
def test_a_command_that_is_not_understood(course, arguments, word):
    result = course.run(*arguments)
    sentence(result, word, "python run.py lab", "python run.py test", "--")
    assert not (course.folder / ".venv").exists()


def test_help(course):
    result = course.run("--help")
    assert result.returncode == 0 and "python run.py lab" in result.stdout


@pytest.mark.parametrize(
    "version", [(2, 7, 18), (3, 8, 1), (3, 10, 13), (3, NEWEST[1] + 1, 0), (4, 0, 0)]
)
def test_a_python_that_is_too_old_or_too_new(course, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    newest = "{}.{}".format(*NEWEST)
    with pytest.raises(
        SystemExit,
        match=f"3.11 to {newest} is needed, this is {version[0]}.{version[1]}: get {newest} from",
    ):
        course.module().main(["lab"])
    assert not (course.folder / ".venv").exists()


@pytest.mark.parametrize("version", [(*MINIMUM, 0), (*NEWEST, 9)])
def test_a_python_that_fits(course, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    assert course.module().wrong_python() == ""


def test_an_old_python_can_read_it():
    """Python 2 knows neither annotations nor keyword-only arguments nor f-strings, and wants plain
    ASCII.
    """
    text = (ROOT / "run.py").read_text(encoding="ascii")
    for node in ast.walk(ast.parse(text, feature_version=(3, 4))):
        assert not isinstance(
            node,
            ast.JoinedStr | ast.AnnAssign | ast.NamedExpr | ast.Nonlocal | ast.AsyncFunctionDef,
        )
        assert not (isinstance(node, ast.arg) and node.annotation)
        assert not (isinstance(node, ast.FunctionDef) and (node.returns or node.args.kwonlyargs))
        assert not (isinstance(node, ast.Raise) and node.cause)
        assert not (isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Store))


def test_the_version_is_the_first_thing_that_is_looked_at(course, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 6))
    with pytest.raises(SystemExit, match="is needed, this is 3.6"):
        course.module().main([])


@pytest.mark.parametrize(
    "form", ["--port={}", "--port {}", "--ServerApp.port={}", "--LabApp.port={}"]
)
def test_a_taken_port(course, form):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = course.run("lab", "--", "--no-browser", *form.format(port).split())
    sentence(result, f"Port {port}", "ask for another one")
    assert not (course.folder / ".venv").exists()


@pytest.mark.parametrize(
    "options",
    [[], ["--port=0"], ["--port", "abc"], ["--port=99999"], ["--ServerApp.port_retries=0"]],
)
def test_a_port_that_may_be_free_is_left_to_jupyter(course, options):
    course.module().refuse_taken_port(options)


# --- installing -----------------------------------------------------------------------------------


def test_from_nothing_torch_comes_first_and_all_is_constrained(course):
    result = course.run("test")
    assert result.returncode == 0, result.stderr
    calls = course.calls()
    assert [call[-1] for call in calls] == ["torch", ".[test]"]
    assert all(
        call[call.index("-c") + 1] == str(course.folder / "constraints.txt") for call in calls
    )
    assert calls[1][-2] == "-e"
    assert "takes a few minutes" in result.stdout and "torch (unpacking)" in result.stdout
    assert result.stderr == ""


def test_the_second_time_nothing_is_installed(course):
    course.run("test")
    course.calls()
    began = time.perf_counter()
    result = course.run("test")
    assert time.perf_counter() - began < 5
    assert (result.returncode, result.stdout, course.calls()) == (0, "", [])


def test_the_tests_bring_all_that_the_lab_needs_but_not_the_reverse(course):
    course.run("lab")
    assert [call[-1] for call in course.calls()] == ["torch", "."]
    course.run("test")
    assert [call[-1] for call in course.calls()] == [".[test]"]
    course.run("lab")
    course.run("test")
    assert course.calls() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_asked_for_is_installed(course, name):
    course.run("test")
    course.calls()
    with open(course.folder / name, "a") as file:
        file.write("# changed\n")
    course.run("lab")
    assert [call[-1] for call in course.calls()] == ["."]
    course.run("test")
    assert [call[-1] for call in course.calls()] == [".[test]"]


@posix_only
def test_a_moved_course_is_installed_where_it_is(course, tmp_path):
    course.run("lab")
    course.calls()
    course.folder = course.folder.rename(tmp_path / "elsewhere")
    assert course.run("lab").returncode == 0
    assert [call[-1] for call in course.calls()] == ["."]


@pytest.mark.parametrize("version", ["2.13.0", "2.13.0+cu126", "2.13.0+cpu"])
def test_a_torch_that_fits_is_not_replaced(course, version):
    venv.create(course.folder / ".venv", symlinks=os.name != "nt")
    package(course, "pip-99")
    package(course, f"torch-{version}")
    assert course.run("lab").returncode == 0
    assert [call[-1] for call in course.calls()] == ["."]


def test_a_torch_that_does_not_fit_is(course):
    venv.create(course.folder / ".venv", symlinks=os.name != "nt")
    package(course, "torch-2.9.1")
    course.run("lab")
    assert [call[-1] for call in course.calls()] == ["torch", "."]


def torch_call(
    course: Course, monkeypatch: pytest.MonkeyPatch, system: str, nvidia: bool, online: bool
) -> list[str]:
    module, calls = course.module(), []
    monkeypatch.setattr(module.sys, "platform", system)
    monkeypatch.setattr(module, "has_nvidia", lambda: nvidia)
    monkeypatch.setattr(
        module,
        "answers",
        lambda url, seconds: online and url.startswith("https://download.pytorch.org/"),
    )
    monkeypatch.setattr(module, "require_room", lambda gigabytes: None)
    monkeypatch.setattr(module, "run_quietly", lambda command, show: calls.append(command))
    module.install_torch()
    return calls[0]


@pytest.mark.parametrize(
    ("system", "nvidia", "online", "smaller"),
    [
        ("linux", False, True, True),
        ("linux", False, False, False),
        ("linux", True, True, False),
        ("darwin", False, True, False),
        ("win32", False, True, False),
    ],
)
def test_the_small_torch_for_linux_without_a_card(
    course, monkeypatch, system, nvidia, online, smaller
):
    call = torch_call(course, monkeypatch, system, nvidia, online)
    assert (
        ("https://download.pytorch.org/whl/cpu" in call) == ("--extra-index-url" in call) == smaller
    )


def test_an_address_answers_or_not_in_time(course):
    answers = course.module().answers
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        began = time.perf_counter()
        assert not answers(url, 0.3), "it accepts and says nothing"
        assert time.perf_counter() - began < 2
        server.accept()[0].close()

        def reply() -> None:
            with server.accept()[0] as caller:
                caller.recv(1000)
                caller.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

        threading.Thread(target=reply, daemon=True).start()
        assert answers(url, 10)
    assert not answers(url, 2), "nobody is there"


# --- a .venv that is half made --------------------------------------------------------------------


def test_an_empty_folder_is_filled(course):
    (course.folder / ".venv").mkdir()
    result = course.run("lab")
    assert result.returncode == 0 and "making it anew" in result.stdout
    assert [call[-1] for call in course.calls()] == ["torch", "."]


@posix_only
@pytest.mark.parametrize("python", ["dangling", "silent", "outside"])
def test_a_python_that_does_not_work_is_replaced(course, python):
    (course.folder / ".venv/bin").mkdir(parents=True)
    path = course.folder / ".venv/bin/python"
    if python == "silent":
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
    else:  # without pyvenv.cfg, a link is the Python that it leads to, and pip would install there
        path.symlink_to("/nowhere/python" if python == "dangling" else sys.executable)
    result = course.run("lab")
    assert result.returncode == 0, result.stderr
    assert (
        Path(course.started()["environment"]["PATH"].split(os.pathsep)[0])
        == course.folder / ".venv/bin"
    )
    assert (course.folder / ".venv/pyvenv.cfg").exists()


@posix_only
@pytest.mark.parametrize("version", ["(3, 9)", "(3, 99)"])
def test_a_venv_of_a_python_that_does_not_fit_is_replaced(course, version):
    (course.folder / ".venv/bin").mkdir(parents=True)
    path = course.folder / ".venv/bin/python"
    path.write_text(
        f'#!/bin/sh\ncode=$(echo "$2" | sed "s/sys.version_info/{version}/")\nexec {sys.executable}'
        ' -c "$code" "$3"\n'
    )
    path.chmod(0o755)
    assert course.run("lab").returncode == 0
    assert (course.folder / ".venv/pyvenv.cfg").exists()


def test_a_venv_made_by_another_tool_gets_pip_and_keeps_its_torch(course):
    venv.create(course.folder / ".venv", symlinks=os.name != "nt")
    torch = package(course, "torch-2.13.0")
    assert course.run("lab").returncode == 0
    assert torch.exists() and [call[-1] for call in course.calls()] == ["."]


def test_half_installed_packages_are_installed_again(course):
    venv.create(course.folder / ".venv", symlinks=os.name != "nt")
    halves = [
        package(course, "pip-99", finished=False),
        package(course, "torch-2.13.0", finished=False),
    ]
    (course.packages() / "~orch").mkdir()
    whole = package(course, "numpy-2.4.6")
    assert course.run("lab").returncode == 0
    assert [call[-1] for call in course.calls()] == ["torch", "."]
    assert whole.exists() and not halves[1].exists() and (halves[0] / "INSTALLER").exists()
    assert not (course.packages() / "~orch").exists()


def test_an_install_that_failed_goes_on_where_it_stopped(course):
    course.run("lab")
    course.calls()
    (course.folder / "pyproject.toml").write_text("[project] # new")
    assert course.run("lab", PIP_SAYS="ERROR: something").returncode == 1
    (course.folder / "pyproject.toml").write_text("[project]\n")
    course.calls()
    assert course.run("lab").returncode == 0
    assert [call[-1] for call in course.calls()] == ["."], (
        "the old mark was not trusted after a half-done change"
    )


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_install_says_how_to_go_on(course, number):
    process = course.start("test", PIP_SLEEPS="30")
    while not (course.folder / "calls.jsonl").exists():
        time.sleep(0.02)
    send = os.killpg if number == signal.SIGINT else os.kill  # Ctrl-C in a terminal reaches pip too
    send(process.pid, number)
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "\nStopped. The same command goes on from here.\n")
    course.calls()
    assert course.run("test").returncode == 0
    assert [call[-1] for call in course.calls()] == ["torch", ".[test]"]


@posix_only
def test_two_starts_at_once_install_once(course):
    first = course.start("test", PIP_SLEEPS="0.5")
    while not (course.folder / "calls.jsonl").exists():
        time.sleep(0.02)
    second = course.run("test")
    first.communicate(timeout=20)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "under way" in second.stdout and [call[-1] for call in course.calls()] == [
        "torch",
        ".[test]",
    ]


@posix_only
def test_a_pip_whose_starter_was_killed_is_waited_for(course):
    first = course.start("test", PIP_SLEEPS="1")
    while not (course.folder / "calls.jsonl").exists():
        time.sleep(0.02)
    first.kill()
    first.communicate(timeout=20)
    second = course.run("test")
    assert second.returncode == 0 and "under way" in second.stdout
    assert [call[-1] for call in course.calls()] == [
        "torch",
        ".[test]",
    ], "torch was there when the orphan was done"


# --- what can go wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv(course, monkeypatch, missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    with pytest.raises(
        SystemExit, match=f"lacks its module {missing}.*sudo apt install python3-venv"
    ):
        course.module().install("lab")
    assert not (course.folder / ".venv").exists()


@pytest.mark.parametrize("command", ["lab", "test"])
def test_too_little_room(course, monkeypatch, command):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10**9)
    )
    with pytest.raises(SystemExit, match="1.0 GB left and 2.5 GB are needed: make room"):
        course.module().install(command)
    assert not (course.folder / ".venv").exists()


def test_little_room_is_enough_where_nothing_is_due(course, monkeypatch):
    course.run("lab")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    course.module().install("lab")


@pytest.mark.parametrize(
    "says",
    [
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "OSError: [WinError 112] There is not enough space",
        "[Errno 122] Disk quota exceeded",
    ],
)
def test_a_disk_that_fills_up(course, says):
    sentence(
        course.run("lab", PIP_SAYS=says),
        "The disk is full",
        str(course.folder),
        "same command again",
    )


def test_a_disk_that_fills_up_outside_pip(course, monkeypatch):
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    module = course.module()
    monkeypatch.setattr(module, "install", lambda command: full())
    with pytest.raises(SystemExit, match="The disk is full"):
        module.main(["lab"])


@pytest.mark.parametrize(
    "says",
    [
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by"
            " 'NewConnectionError('x')': /simple/torch/\nERROR: Could not find a version that"
            " satisfies the requirement torch (from versions: none)\nERROR: No matching"
            " distribution found for torch"
        ),
        (
            "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='files',"
            " port=443): Read timed out."
        ),
        (
            "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool: Max retries"
            " exceeded with url: /torch"
        ),
    ],
)
def test_no_network(course, says):
    sentence(course.run("test", PIP_SAYS=says), "check the network", "same command again")
    assert not (course.folder / "started.json").exists()


def test_a_computer_that_pytorch_has_no_build_for(course):
    """What pip said when it was asked for macOS on Intel."""
    says = (
        "ERROR: Cannot install torch because these package versions have conflicting"
        " dependencies.\n\nThe conflict is caused by:\n    The user requested torch\n    The user"
        " requested (constraint) torch==2.13.0\n\nERROR: ResolutionImpossible: for help visit"
        " https://pip.pypa.io/"
    )
    sentence(
        course.run("lab", PIP_SAYS=says), "PyTorch 2.13.0 has no build for this computer", "Colab"
    )


def test_what_else_goes_wrong_is_quoted_and_kept(course):
    says = "Collecting a\nERROR: a needs a compiler\nnotice: something unimportant"
    result = course.run("lab", PIP_SAYS=says)
    sentence(result, "ERROR: a needs a compiler", ".venv/install.log")
    assert (course.folder / ".venv/install.log").read_text() == says + "\n"


def test_a_failure_without_a_word_is_a_sentence_too(course):
    assert "failed: without a word" in course.module().explain("")


# --- starting -------------------------------------------------------------------------------------

EXTRA = ["--no-browser", "--ServerApp.token=a b", "-x", "--", "ä*"]


def test_lab_fills_my_folder_and_opens_the_index(course):
    for name in ("index.ipynb", "01_a.ipynb"):
        (course.folder / "notebooks" / name).write_text('{"cells": []}')
    result = course.run("lab", "--", *EXTRA)
    assert result.returncode == 0 and "my/01_a.ipynb" in result.stdout
    started, folder = course.started(), course.folder
    assert started["program"] == "jupyterlab" and Path(started["folder"]) == folder
    root = ["--allow-root"] if os.name != "nt" and os.geteuid() == 0 else []
    assert started["arguments"] == [
        f"--ServerApp.root_dir={folder}",
        "--LabApp.default_url=/lab/tree/my/index.ipynb",
        *root,
        *EXTRA,
    ]
    assert started["environment"]["COURSE_PROGRESS"] == str(folder / "my/.progress.json")
    assert started["environment"]["OMP_NUM_THREADS"] == "1"
    assert (folder / "my/01_a.ipynb").exists()


def test_lab_without_lessons_starts_too(course):
    (course.folder / "notebooks").rmdir()
    assert course.run("lab").returncode == 0
    assert "--LabApp.default_url=/lab" in course.started()["arguments"]


def test_lab_starts_even_if_my_folder_cannot_be_filled(course):
    (course.folder / "my").touch()
    result = course.run("lab")
    assert result.returncode == 0 and "stay as they are" in result.stderr
    assert course.started()["program"] == "jupyterlab"


def test_settings_of_the_learner_win(course):
    course.run(
        "lab",
        "--",
        "--LabApp.default_url=/lab",
        "--ServerApp.root_dir=/x",
        COURSE_PROGRESS="mine",
        OMP_NUM_THREADS="2",
    )
    started = course.started()
    assert [a for a in started["arguments"] if a != "--allow-root"] == [
        "--LabApp.default_url=/lab",
        "--ServerApp.root_dir=/x",
    ]
    assert (
        started["environment"]["COURSE_PROGRESS"],
        started["environment"]["OMP_NUM_THREADS"],
    ) == ("mine", "2")


@pytest.mark.parametrize(
    "extra", [["--collect-only"], ["-k", "a or b", "tests/test_x.py::test[1]"], EXTRA]
)
def test_pytest_gets_what_follows_the_dashes(course, extra):
    assert course.run("test", "--", *extra).returncode == 0
    started = course.started()
    assert (started["program"], started["arguments"]) == ("pytest", extra)
    assert (
        Path(started["folder"]) == course.folder and "COURSE_PROGRESS" not in started["environment"]
    )
    assert not (course.folder / "my").exists()


@pytest.mark.parametrize("code", [0, 1, 5])
def test_the_exit_code_is_that_of_the_program(course, code):
    assert course.run("test", EXIT=str(code)).returncode == code
    assert course.run("lab", EXIT=str(code)).returncode == code


def test_the_tests_know_whether_the_network_is_off(course):
    course.run("test")
    started = course.started()
    off = bool(course.module().without_network())
    assert (started["environment"].get("COURSE_OFFLINE") == "1") == off
    assert not off or started["networks"] == ["lo"]


@pytest.mark.parametrize("missing", ["unshare", "ip"])
def test_without_namespaces_the_tests_run_plainly(course, monkeypatch, missing):
    module = course.module()
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000, raising=False)

    def call(command: list[str], **_: object) -> int:
        assert command[:2] == ["unshare", "-rn"] and command[-1] == "true"
        if missing == "unshare":
            raise FileNotFoundError("unshare")
        return 127

    monkeypatch.setattr(module.subprocess, "call", call)
    assert module.without_network() == []


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_run_the_tests_plainly(course, monkeypatch, system):
    module = course.module()
    monkeypatch.setattr(module.sys, "platform", system)
    assert module.without_network() == []

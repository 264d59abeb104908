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

# Each stand-in is a module that `python -m`, in the course's folder, takes for the real one.
LOG = """
import json, os, sys, time
def log_and_obey():
    settings = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "PYTHON"))}
    with open("calls.jsonl", "a") as file:
        file.write(json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:], settings]) + "\\n")
    if os.environ.get("STAND_IN_SAYS"):
        sys.exit(print(os.environ["STAND_IN_SAYS"]) or 1)
    while os.environ.get("STAND_IN_WAITS_FOR") and "install" in sys.argv:
        if os.path.exists(os.environ["STAND_IN_WAITS_FOR"]):
            break
        time.sleep(0.02)
def put_torch(packages):
    folder = os.path.join(packages, "torch-2.13.0+cpu.dist-info")
    os.makedirs(folder, exist_ok=True)
    open(os.path.join(folder, "INSTALLER"), "w").close()
"""
STAND_INS = {
    "ensurepip": """
import os, sysconfig
folder = os.path.join(sysconfig.get_path("purelib"), "pip-99.dist-info")
os.makedirs(folder, exist_ok=True)
open(os.path.join(folder, "INSTALLER"), "w").close()
""",
    "pip": LOG
    + """
import sysconfig
if sys.argv[1:] == ["config", "list"]:
    sys.exit(print(os.environ.get("STAND_IN_CONFIG", "")))
log_and_obey()
if "torch" in sys.argv:
    put_torch(sysconfig.get_path("purelib"))
print("Collecting torch>=2.4 (from generative-ai-course)\\nInstalling collected packages: torch")
""",
    "program": """
import json, os, socket, sys
networks = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else []
with open("started.json", "w") as file:
    json.dump({"program": __spec__.parent, "arguments": sys.argv[1:], "folder": os.getcwd(),
               "environment": dict(os.environ), "networks": networks}, file)
sys.exit(int(os.environ.get("EXIT", "0")))
""",
}
UV = f"""#!{sys.executable}
{LOG}
import glob, venv
if sys.argv[1:] == ["--version"]:
    sys.exit(int(os.environ.get("UV_IS_BROKEN", 0)))
log_and_obey()
if sys.argv[1] == "venv":
    os.mkdir(sys.argv[-1])  # as the real one, it does not replace a folder
    venv.create(sys.argv[-1], symlinks=True)
elif "torch" in sys.argv:
    put_torch(glob.glob(".venv/lib/python*/site-packages")[0])
print("Downloading torch (180.3MiB)\\nPrepared 1 package in 1ms\\n + torch==2.13.0")
"""
STEERED = ("COURSE_", "OMP_", "PIP_", "UV_", "STAND_IN_", "PYTHON", "VIRTUAL_ENV")


class Course:
    """A folder with run.py in it, and what happened there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tools = folder / "the course", folder / "tools"
        (self.folder / "notebooks").mkdir(parents=True)
        shutil.copy(ROOT / "run.py", self.folder)
        (self.folder / "pyproject.toml").write_text("[project]\n")
        (self.folder / "constraints.txt").write_text("# pins\ntorch==2.13.0\n")
        (self.folder / "course_utils/platform").mkdir(parents=True)
        for name in ("__init__", "door", "doctor", "frontend", "installation", "workspace"):
            shutil.copy(
                ROOT / f"course_utils/platform/{name}.py", self.folder / "course_utils/platform"
            )
        (self.folder / "course_utils/__init__.py").touch()
        shutil.copy(ROOT / "course_utils/progress.py", self.folder / "course_utils")
        (self.folder / "course_utils/lessons.json").write_text("[]")
        for name in ("ensurepip", "pip", "pytest", "jupyterlab"):
            (self.folder / name).mkdir()
            (self.folder / name / "__init__.py").touch()
            (self.folder / name / "__main__.py").write_text(
                STAND_INS.get(name, STAND_INS["program"])
            )

    def put_uv_on_the_path(self) -> None:
        self.tools.mkdir()
        (self.tools / "uv").write_text(UV)
        (self.tools / "uv").chmod(0o755)

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """No uv but the stand-in, no network, and no setting of the person who runs the tests."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(STEERED)}
        unreachable = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
        folders = os.environ["PATH"].split(os.pathsep)
        path = [str(self.tools), *(f for f in folders if not shutil.which("uv", path=f))]
        return {**inherited, **unreachable, "PATH": os.pathsep.join(path), **settings}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, str(self.folder / "run.py"), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            env=self.environment(settings),
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen:
        """Like `run`, without waiting. Ctrl-C works in it even where this process ignores it."""
        return subprocess.Popen(
            [sys.executable, str(self.folder / "run.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(settings),
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def logged(self) -> list[tuple[str, list[str], dict[str, str]]]:
        """What pip or uv was called with since the last time: its name, arguments and settings."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [tuple(json.loads(line)) for line in lines]

    def wait_for_call(self, word: str) -> None:
        path = self.folder / "calls.jsonl"
        while not (path.exists() and word in path.read_text()):
            time.sleep(0.02)

    def calls(self) -> list[list[str]]:
        """The arguments that pip or uv was called with, since the last time."""
        return [arguments for _, arguments, _ in self.logged()]

    def started(self) -> dict:
        return json.loads((self.folder / "started.json").read_text())

    def packages(self) -> Path:
        [folder] = (self.folder / ".venv").glob("[Ll]ib/**/site-packages")
        return folder

    def module(self, name: str = "run") -> ModuleType:
        """This folder's run.py or one of its modules, to look into; nobody else gets to see it."""
        path, modules = sys.path.copy(), forget_modules()
        sys.path.insert(0, str(self.folder))
        try:
            return importlib.import_module(name)
        finally:
            sys.path[:] = path
            forget_modules()
            sys.modules.update(modules)

    def installation(self) -> ModuleType:
        return self.module("course_utils.platform.installation")


def forget_modules() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.split(".")[0] in ("course_utils", "run")]
    return {name: sys.modules.pop(name) for name in names}


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


@pytest.mark.parametrize("command", ["lab", "check"])
@pytest.mark.parametrize(
    "version", [(3, 6, 15), (3, 8, 1), (3, 10, 13), (3, NEWEST[1] + 1, 0), (4, 0, 0)]
)
def test_a_python_that_is_too_old_or_too_new(course, monkeypatch, version, command):
    monkeypatch.setattr(sys, "version_info", version)
    newest = "{}.{}".format(*NEWEST)
    with pytest.raises(
        SystemExit,
        match=f"3.11 to {newest} is needed, this is {version[0]}.{version[1]}: get {newest} from",
    ):
        course.module().main([command])
    assert not (course.folder / ".venv").exists()


@pytest.mark.parametrize("version", [(*MINIMUM, 0), (*NEWEST, 9)])
def test_a_python_that_fits(course, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    assert course.module().wrong_python() == ""


def test_python_36_can_read_it_up_to_the_look_at_the_version():
    """An annotation is code that runs where its function is defined: `list[str]` only since 3.9."""
    tree = ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    [gate] = [i for i, node in enumerate(tree.body) if "version_info" in ast.unparse(node)][1:2]
    assert ast.unparse(tree.body[gate]).startswith("if sys.version_info[:2] < MINIMUM:")
    for node in tree.body[:gate]:
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        hints = [f.returns for f in ast.walk(node) if isinstance(f, ast.FunctionDef)]
        hints += [
            argument.annotation for argument in ast.walk(node) if isinstance(argument, ast.arg)
        ]
        assert all(hint is None or isinstance(hint, ast.Name) for hint in hints)


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9", "3.10"])
def test_an_old_python_says_so(course, version):
    python = shutil.which(f"python{version}")
    if not python or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip(f"there is no Python {version} here")
    result = subprocess.run(
        [python, str(course.folder / "run.py"), "lab"], capture_output=True, text=True
    )
    sentence(result, "Python 3.11 to", f"is needed, this is {version}:")


def test_the_version_is_the_first_thing_that_is_looked_at(course, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, NEWEST[1] + 1))
    with pytest.raises(SystemExit, match="is needed, this is 3."):
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
) -> tuple[str, ...]:
    module, calls = course.installation(), []
    monkeypatch.setattr(module.sys, "platform", system)
    monkeypatch.setattr(module, "has_nvidia", lambda: nvidia)
    monkeypatch.setattr(
        module,
        "answers",
        lambda url, seconds: online and url.startswith("https://download.pytorch.org/"),
    )
    monkeypatch.setattr(module, "require_room", lambda gigabytes: None)
    monkeypatch.setattr(module, "install_packages", lambda *what: calls.append(what))
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
    answers = course.installation().answers
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
    assert result.returncode == 0 and "making it again" in result.stdout
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
@pytest.mark.parametrize("version", [(3, 9), (3, 99)])
def test_a_venv_of_a_python_that_does_not_fit_is_replaced(course, version):
    venv.create(course.folder / ".venv", symlinks=True)
    path = course.folder / ".venv/bin/python"
    path.unlink()
    code = f"""import runpy, sys
sys.version_info, sys.argv = {version}, sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")"""
    real = course.folder / ".venv/bin/python3"
    real.unlink()
    real.symlink_to(sys.executable)
    path.write_text(
        f"#!/bin/sh\n[ $1 = -c ] && exec '{real}' \"$@\"\nexec '{real}' -c '{code}' \"$@\"\n"
    )
    path.chmod(0o755)
    result = course.run("lab")
    assert result.returncode == 0 and "making it again" in result.stdout, result.stderr
    assert path.is_symlink()


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
    assert course.run("lab", STAND_IN_SAYS="ERROR: something").returncode == 1
    (course.folder / "pyproject.toml").write_text("[project]\n")
    course.calls()
    assert course.run("lab").returncode == 0
    assert [call[-1] for call in course.calls()] == ["."], (
        "the old mark was not trusted after a half-done change"
    )


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_install_says_how_to_go_on(course, number):
    process = course.start("test", STAND_IN_WAITS_FOR="never")
    course.wait_for_call("torch")
    send = os.killpg if number == signal.SIGINT else os.kill  # Ctrl-C in a terminal reaches pip too
    send(process.pid, number)
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (
        130,
        "\nStopped. The same command continues from here.\n",
    )
    course.calls()
    assert course.run("test").returncode == 0
    assert [call[-1] for call in course.calls()] == ["torch", ".[test]"]


@posix_only
@pytest.mark.parametrize("killed", [False, True])
def test_two_starts_at_once_install_once(course, tmp_path, killed):
    """A pip whose starter was killed is waited for as well."""
    first = course.start("test", STAND_IN_WAITS_FOR=str(tmp_path / "go"))
    course.wait_for_call("torch")
    if killed:
        first.kill()
        first.communicate(timeout=20)
    second = course.start("test")
    assert "under way" in second.stdout.readline()
    (tmp_path / "go").touch()
    outcomes = [process.wait(60) for process in ([second] if killed else [first, second])]
    assert set(outcomes) == {0}
    assert [call[-1] for call in course.calls()] == ["torch", ".[test]"]


# --- with uv --------------------------------------------------------------------------------------


@pytest.fixture
def with_uv(course: Course) -> Course:
    if os.name == "nt":
        pytest.skip("the stand-in for uv is a script with a #! line")
    course.put_uv_on_the_path()
    return course


def test_uv_does_everything_where_it_is_there(with_uv):
    result = with_uv.run("test")
    assert result.returncode == 0, result.stderr
    made, torch, rest = with_uv.logged()
    assert {name for name, _, _ in (made, torch, rest)} == {"uv"}
    assert made[1][0] == "venv" and made[1][-3:] == [
        "--python",
        sys.executable,
        str(with_uv.folder / ".venv"),
    ]
    for _, arguments, _ in (torch, rest):
        assert arguments[:3] == ["pip", "install", "--no-config"]
        at = arguments.index("--python")
        assert arguments[at + 1] == str(with_uv.folder / ".venv/bin/python")
        at = arguments.index("-c")
        assert arguments[at + 1] == str(with_uv.folder / "constraints.txt")
    assert torch[1][-1] == "torch" and rest[1][-2:] == ["-e", ".[test]"]
    assert "torch (unpacking)" in result.stdout
    assert with_uv.run("lab").returncode == 0 and with_uv.calls() == []


def test_a_uv_that_does_not_run_is_left_alone(with_uv):
    """pyenv leaves such a file on the PATH when uv is installed in another of its Pythons."""
    assert with_uv.run("lab", UV_IS_BROKEN="127").returncode == 0
    assert {name for name, _, _ in with_uv.logged()} == {"__main__.py"}


def test_uv_goes_on_in_an_environment_that_pip_began(with_uv):
    with_uv.run("lab", UV_IS_BROKEN="1")
    with_uv.logged()
    assert with_uv.run("test").returncode == 0
    assert [(name, call[-1]) for name, call, _ in with_uv.logged()] == [("uv", ".[test]")]


def test_uv_replaces_a_folder_that_is_half_made(with_uv):
    (with_uv.folder / ".venv/lib").mkdir(parents=True)
    result = with_uv.run("lab")
    assert result.returncode == 0 and "making it again" in result.stdout, result.stderr


def test_uv_needs_no_module_of_python(course, monkeypatch):
    installation = course.installation()
    without_module(monkeypatch, installation, "venv")
    without_module(monkeypatch, installation, "ensurepip")
    monkeypatch.setattr(installation, "find_uv", lambda: "uv")
    assert installation.missing_modules() == []


def test_a_stopped_uv_goes_on(with_uv):
    process = with_uv.start("lab", STAND_IN_WAITS_FOR="never")
    with_uv.wait_for_call("torch")
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr.count("\n")) == (130, 2)
    with_uv.calls()
    assert with_uv.run("lab").returncode == 0
    assert [call[-1] for call in with_uv.calls()] == ["torch", "."]


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (
            "error: No solution found when resolving dependencies\n  cause: Because torch==2.13.0"
            " has no wheels with a matching platform tag (e.g., `macosx_13_0_x86_64`) and you"
            " require torch==2.13.0, we can conclude that your requirements are unsatisfiable.\n\n"
            "hint: Wheels are available for `torch` (v2.13.0) on the following platforms:"
            " `macosx_14_0_arm64`, `win_amd64`",
            "PyTorch 2.13.0 has no build for this computer",
        ),
        (
            "error: Request failed after 3 retries in 10.8s\n  cause: Failed to fetch:"
            " https://pypi.org/simple/six/\n  cause: error sending request for url"
            " (https://pypi.org/simple/six/)\n  cause: client error (Connect)\n  cause: Connection"
            " refused (os error 111)",
            "check the network connection",
        ),
        (
            "error: Failed to install: numpy-2.4.6.whl (numpy==2.4.6)\n  cause: failed to copy:"
            " No space left on device (os error 28)",
            "The disk is full",
        ),
        (
            "error: No solution found when resolving dependencies\n  cause: Because there is no"
            " version of six==99 and you require six==99, we can conclude that your requirements"
            " are unsatisfiable.\n\nhint: something",
            "Because there is no version of six==99",
        ),
    ],
)
def test_what_uv_says_becomes_one_sentence(with_uv, says, words):
    """As uv 0.13.9 said it."""
    with_uv.run("lab")
    (with_uv.folder / "pyproject.toml").write_text("[project] # new")
    sentence(with_uv.run("lab", STAND_IN_SAYS=says), words)


# --- settings of the user -------------------------------------------------------------------------

HOSTILE = {
    "PIP_USER": "1",
    "PIP_TARGET": "/elsewhere",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_CONSTRAINT": "/nowhere",
    "UV_EXCLUDE_NEWER": "2020-01-01",
    "UV_REQUIRE_HASHES": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONSAFEPATH": "1",
}


# what pip lists, and what may come of it
LISTED = """:env:.user='1'
:env:.proxy='http://proxy:1'
global.index-url='https://company/simple'
global.require-hashes='1'
global.proxy='http://other:1'
install.find-links='/a\\n/b'
install.target='/elsewhere'"""
PASSED_ON = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_FIND_LINKS": "/a /b",
    "PIP_INDEX_URL": "https://company/simple",
    "PIP_PROXY": "http://proxy:1",
    "UV_CACHE_DIR": "/cache",
    "UV_DEFAULT_INDEX": "https://company/simple",
    "UV_FIND_LINKS": "/a,/b",
}


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_only_the_way_to_packages_is_the_users(request, course, tmp_path, installer):
    if installer == "uv":
        request.getfixturevalue("with_uv")
    for name in ("pip", "setuptools", "course_utils", "venv"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hostile')")
    hostile = {**HOSTILE, "PYTHONPATH": str(tmp_path)}
    result = course.run("lab", STAND_IN_CONFIG=LISTED, UV_CACHE_DIR="/cache", **hostile)
    assert result.returncode == 0, result.stderr
    *_, (_, _, settings) = course.logged()
    assert settings == PASSED_ON
    assert "PYTHONPATH" not in course.started()["environment"]


def test_what_uv_was_told_itself_counts_for_it(course, monkeypatch):
    installation = course.installation()
    monkeypatch.setattr(installation, "pip_settings", lambda: "global.index-url='https://pips'\n")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uvs")
    settings = installation.settings()
    assert settings["PIP_INDEX_URL"] == "https://pips" and "UV_DEFAULT_INDEX" not in settings


def test_pips_own_list_of_settings_is_understood(course, monkeypatch, tmp_path):
    """Of the real pip, with settings that would make it list only some of them, or none."""
    if not importlib.util.find_spec("pip"):
        pytest.skip("there is no pip here")
    (tmp_path / "pip.conf").write_text(
        "[global]\nuser = true\nquiet = 1\nextra-index-url =\n    https://a/simple\n"
        "    https://b/simple\n[install]\ntrusted-host = a\n"
    )
    shutil.rmtree(course.folder / "pip")  # the stand-in
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_CERT", "/c d.pem")
    settings = course.installation().settings()
    assert settings["PIP_EXTRA_INDEX_URL"] == "https://a/simple https://b/simple"
    assert (settings["PIP_TRUSTED_HOST"], settings["PIP_CERT"]) == ("a", "/c d.pem")
    assert "PIP_USER" not in settings and settings["PIP_CONFIG_FILE"] == os.devnull


def test_children_get_no_setting_that_is_for_another_python(course, monkeypatch):
    hostile = {"PYTHONPATH": "/x", "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"}
    wanted = {"PYTHONUTF8": "1", "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "ascii"}
    for name, value in {**hostile, **wanted, "MPLBACKEND": "QtAgg"}.items():
        monkeypatch.setenv(name, value)
    environment = course.installation().child_environment()
    assert not {*hostile, "MPLBACKEND"} & {*environment}
    assert wanted.items() <= environment.items()


@pytest.mark.parametrize("users", [[], ["/elsewhere", "/and/there"]])
def test_the_kernel_of_the_course_comes_before_the_users(course, monkeypatch, users):
    monkeypatch.setenv("JUPYTER_PATH", os.pathsep.join(users))
    paths = course.installation().child_environment()["JUPYTER_PATH"].split(os.pathsep)
    assert paths == [str(course.folder / ".venv/share/jupyter"), *users]


@posix_only
@pytest.mark.parametrize("what", ["HOME", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "full"])
def test_without_a_home_jupyter_keeps_its_files_below_the_course(
    course, monkeypatch, tmp_path, what
):
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    module = course.installation()
    assert not {*module.KEEPERS} & {*module.child_environment()} - {*os.environ}
    assert list(tmp_path.iterdir()) == [course.folder], "trying leaves nothing behind"
    if what == "full":
        monkeypatch.setattr(module, "bytes", lambda count: full_device(), raising=False)
    else:  # a file is in the place of the folder
        (tmp_path / "file").touch()
        monkeypatch.setenv(what, str(tmp_path / "file/x"))
    environment = module.child_environment()
    homes = {environment[name] for name in module.KEEPERS}
    assert len(homes) == 6 and {Path(home).parent for home in homes} == {course.folder / "my/.home"}


def full_device() -> bytes:
    raise OSError(errno.EDQUOT, "Disk quota exceeded")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk"])
def test_a_terminal_that_lacks_the_folders_letters(tmp_path, encoding):
    course = Course(tmp_path / "课程 Zoë")
    venv.create(course.folder / ".venv", symlinks=os.name != "nt")
    result = course.run("check", PYTHONIOENCODING=encoding)
    assert result.returncode == 1 and result.stderr == ""
    assert "the installation is incomplete" in result.stdout, "the .venv itself is whole"


# --- what can go wrong ----------------------------------------------------------------------------


def without_module(monkeypatch: pytest.MonkeyPatch, installation: ModuleType, name: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(installation, "find_spec", lambda n: None if n == name else find(n))


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv(course, monkeypatch, missing):
    installation = course.installation()
    without_module(monkeypatch, installation, missing)
    monkeypatch.setattr(installation, "find_uv", lambda: "")
    with pytest.raises(
        SystemExit, match=f"lacks its module {missing}.*sudo apt install python3-venv"
    ):
        installation.install("lab")
    assert not (course.folder / ".venv").exists()


@pytest.mark.parametrize("command", ["lab", "test"])
def test_too_little_room(course, monkeypatch, command):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10**9)
    )
    with pytest.raises(SystemExit, match="1.0 GB left and 2.5 GB are needed: make room"):
        course.installation().install(command)
    assert not (course.folder / ".venv").exists()


def test_little_room_is_enough_where_nothing_is_due(course, monkeypatch):
    course.run("lab")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    course.installation().install("lab")


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
        course.run("lab", STAND_IN_SAYS=says),
        "The disk is full",
        str(course.folder),
        "same command again",
    )


def test_a_disk_that_fills_up_outside_pip(course, monkeypatch):
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    module = course.module()
    monkeypatch.setattr(module.installation, "install", lambda command: full())
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
    sentence(course.run("test", STAND_IN_SAYS=says), "check the network", "same command again")
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
        course.run("lab", STAND_IN_SAYS=says),
        "PyTorch 2.13.0 has no build for this computer",
        "Colab",
    )


def test_what_else_goes_wrong_is_quoted_and_kept(course):
    says = "Collecting a\nERROR: a needs a compiler\nnotice: something unimportant"
    result = course.run("lab", STAND_IN_SAYS=says)
    sentence(result, "ERROR: a needs a compiler", ".venv/install.log")
    assert (course.folder / ".venv/install.log").read_text() == says + "\n"


def test_a_failure_without_a_word_is_a_sentence_too(course):
    assert "failed: without an error message" in course.installation().explain("")


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

    monkeypatch.setattr(module.installation.subprocess, "call", call)
    assert module.without_network() == []


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_run_the_tests_plainly(course, monkeypatch, system):
    module = course.module()
    monkeypatch.setattr(module.sys, "platform", system)
    assert module.without_network() == []

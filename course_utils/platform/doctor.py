"""`python run.py check`: what the course needs and what this computer has, in one screen.

It runs with the Python of .venv or, where nothing is installed yet, with any that fits: therefore
it imports nothing but the standard library, and looks at the packages from outside.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from course_utils.platform import installation
from course_utils.platform.installation import GIGABYTES, PYTHON, ROOT, VENV, pinned

OK, NOTE, MISSING = "ok", "note", "MISSING"
# gigabytes: a lesson takes one, JupyterLab and a browser as much again
LITTLE_MEMORY, TOO_LITTLE_MEMORY = 4, 2
# what pip calls it, and what a lesson or JupyterLab imports of it
PACKAGES = {
    "numpy": ["numpy"],
    "torch": ["torch"],
    "scipy": ["scipy.stats"],
    "matplotlib": ["matplotlib.pyplot"],
    "scikit-learn": ["sklearn.linear_model"],
    "scikit-image": ["skimage.measure"],
    "pillow": ["PIL.Image"],
    "tqdm": ["tqdm.auto"],
    "ipywidgets": ["ipywidgets"],
    "jupyterlab": ["jupyterlab.labapp", "ipykernel.kernelapp"],
    "generative-ai-course": ["course_utils.runtime"],
}
SERVER = "JupyterLab's server"
# Run in .venv, where an import may end Python itself: one line before each attempt, one after it
ATTEMPTS = """import importlib, json, os, sys
from importlib import metadata

def attempt(name, action):
    print(json.dumps({"starts": name}), flush=True)
    try:
        result = {"version": action()}
    except BaseException as error:
        absent = getattr(error, "name", None) if isinstance(error, ImportError) else None
        result = {"error": f"{type(error).__name__}: {error}", "absent": absent or ""}
    print(json.dumps({"name": name, **result}), flush=True)
    return "version" in result

def load(name, modules):
    for module in modules:
        importlib.import_module(module)
    if name == "torch":
        float(sys.modules["torch"].ones(2).sum())
    return metadata.version(name)

def serve():  # all that JupyterLab does before it waits for a browser
    options = ["--no-browser", "--allow-root", "--ServerApp.port=0"]
    sys.modules["jupyterlab.labapp"].LabApp.initialize_server(argv=options)
    return ""

packages, server = json.loads(sys.argv[1]), sys.argv[2]
if all([attempt(name, lambda: load(name, modules)) for name, modules in packages.items()]):
    attempt(server, serve)
os._exit(0)
"""
REINSTALL = "delete the folder .venv, then `python run.py lab`"
CONTINUE = "`python run.py lab` continues the installation"
ELSEWHERE = "use another computer, or a browser and the Colab link at the top of each lesson"
ACCESS = "change the access rules (a virus scanner's too), or put the course into another folder"
# What helps where installing again would not, by what an error says
REMEDIES = {
    r"WinError (126|1114)\b": "install https://aka.ms/vs/17/release/vc_redist.x64.exe",
    r"WinError 1455\b|MemoryError|[Cc]annot allocate memory": "close other programs",
    r"No space left|WinError 112\b|Disk quota": "make room on the disk",
    r"GLIBC\w*_[\d.]+' not found": f"this system is too old for it; {ELSEWHERE}",
    r"PermissionError|[Pp]ermission denied|not permitted|WinError (5|4551)\b": ACCESS,
}
# What makes a program load other libraries than its own, and how an error tells of one
LOADER = ("LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH")
LIBRARY = r"\.so\b|\.dylib\b|undefined symbol|Symbol not found|ended by signal"
# The same, by what ended Python: a signal's number, or its counterpart on Windows
ENDINGS = {
    -4: f"this processor lacks an instruction that it needs; {ELSEWHERE}",
    0xC000001D: f"this processor lacks an instruction that it needs; {ELSEWHERE}",
    -9: "the system stopped it, probably for lack of memory; close other programs",
}


class Row(NamedTuple):
    state: str
    text: str


def main() -> int:
    """Say what the course needs and what this computer has; 1 if something has to be fixed."""
    installation.print_anything()
    rows = [row for look in LOOKS for row in attempt(look)]
    for row in rows:
        print(f"{row.state:8} {row.text}")
    missing = sum(row.state == MISSING for row in rows)
    if missing:
        things = "One thing needs" if missing == 1 else f"{missing} things need"
        print(f"\n{things} fixing, see MISSING above. Then run this command again.", flush=True)
        return 1
    print("\nNothing is missing: `python run.py lab` opens the course.", flush=True)
    show_progress()
    return 0


def attempt(look: Callable[[], list[Row]]) -> list[Row]:
    """What a look finds. On a strange system one may fail; the other lines are still worth having,
    but without a look at the packages nobody can say that nothing is missing.
    """
    try:
        return look()
    except Exception as error:
        subject = getattr(look, "__name__", "").removeprefix("look_at_")
        state = MISSING if look is look_at_packages else NOTE
        return [Row(state, f"{subject} could not be examined ({type(error).__name__}: {error})")]


# --- the computer ---------------------------------------------------------------------------------


def look_at_python() -> list[Row]:
    rows = [Row(OK, "Python {}.{}.{}".format(*sys.version_info[:3]))]
    if sys.maxsize < 2**32:
        advice = "get one from https://www.python.org/downloads/"
        rows = [Row(MISSING, f"this Python has 32 bits, and PyTorch needs 64: {advice}")]
    packages = installation.packages_folder()
    lacking = installation.missing_modules()
    has_pip = packages and installation.version_in(packages, "pip")
    if lacking and not has_pip and "lab" not in installation.read_ready(packages):
        advice = "on Debian and Ubuntu `sudo apt install python3-venv` brings it"
        rows.append(Row(MISSING, f"this Python lacks its module {' and '.join(lacking)}: {advice}"))
    return rows


def look_at_disk() -> list[Row]:
    packages = installation.packages_folder()
    build = "cuda" if sys.platform.startswith("linux") and installation.has_nvidia() else "cpu"
    if packages and installation.version_in(packages, "torch"):
        build = "complete"
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES[build]:
        numbers = f"{free:.1f} GB are free on the disk of {ROOT}, and {GIGABYTES[build]} are needed"
        return [Row(MISSING, f"room: {numbers}")]
    return [Row(OK, f"{free:.0f} GB free on the disk")]


def look_at_memory() -> list[Row]:
    total = memory() / 1e9
    if total < TOO_LITTLE_MEMORY:
        needs = f"a lesson with JupyterLab and a browser needs {TOO_LITTLE_MEMORY}"
        return [Row(MISSING, f"memory: {total:.1f} GB, and {needs}")]
    if total < LITTLE_MEMORY:
        enough = "enough for one lesson at a time, with other programs closed"
        return [Row(NOTE, f"{total:.1f} GB of memory: {enough}")]
    return [Row(OK, f"{total:.0f} GB of memory")]


def memory() -> int:
    """Bytes of memory that this computer, or the container that this is, may use."""
    if os.name == "nt":
        return windows_memory()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(path).read_text()))
        except (OSError, ValueError):
            pass  # no container, or one without a limit
    return total


def windows_memory() -> int:
    import ctypes

    # a MEMORYSTATUSEX: its own length first, then the bytes in all
    status = (ctypes.c_ulonglong * 8)(64)
    library: Any = ctypes  # it has `windll` on Windows only
    library.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return status[1]


def look_at_folder() -> list[Row]:
    needed = ("notebooks/index.ipynb", "pyproject.toml", "constraints.txt")
    rows = [
        Row(MISSING, f"{name} of the course: get it again with `git checkout -- {name}`")
        for name in needed
        if not (ROOT / name).is_file()
    ]
    mine = ROOT / "my"
    if mine.exists() and not mine.is_dir():
        rows.append(Row(MISSING, f"{mine} is not a folder: rename that file"))
    for folder in (ROOT, mine):
        if folder.exists() and not os.access(folder, os.W_OK):
            advice = "put the course into a folder of your own"
            rows.append(Row(MISSING, f"{folder} cannot be written: {advice}"))
    if os.environ.get("IPYTHONDIR", "").startswith(str(installation.HOME)):
        rows.append(Row(NOTE, f"your home cannot be written: Jupyter uses {installation.HOME}"))
    return rows or [Row(OK, f"the course is in {ROOT}")]


def look_at_port() -> list[Row]:
    if not port_problem(8888):
        return [Row(OK, "port 8888 is free")]
    problem = port_problem(0)
    if not problem:
        return [Row(NOTE, "port 8888 is taken: JupyterLab takes another one")]
    consequence = "JupyterLab and your browser could not talk to each other"
    return [Row(MISSING, f"no port of 127.0.0.1 can be opened ({problem}): {consequence}")]


def port_problem(port: int) -> str:
    """Why a server cannot have this port, or "". One that has just stopped does not count."""
    with socket.socket() as listener:
        try:
            if os.name != "nt":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def look_at_browser() -> list[Row]:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return [Row(NOTE, "no browser was found: copy the address that JupyterLab prints into one")]
    return [Row(OK, "a browser is there")]


# --- the packages ---------------------------------------------------------------------------------


def look_at_packages() -> list[Row]:
    """Whether .venv is complete and everything in it starts, JupyterLab's server included."""
    packages = installation.packages_folder()
    if not packages:
        broken = "the folder .venv is incomplete, broken or of another Python"
        state = broken if VENV.exists() else "nothing is installed yet"
        advice = "`python run.py lab` installs them"
        return [Row(MISSING, f"the packages, PyTorch among them: {state}; {advice}")]
    complete = "lab" in installation.read_ready(packages)
    results, ending = attempted()
    rows = problems(results, ending, REINSTALL if complete else CONTINUE)
    if not complete:
        rows.append(Row(MISSING, f"the installation is incomplete or out of date: {CONTINUE}"))
    versions = {name: result.get("version", "").split("+")[0] for name, result in results.items()}
    rows += [
        Row(NOTE, f"{name} is version {version}, and the course is tested with {pin}")
        for name, version in versions.items()
        if name != "generative-ai-course" and version and version != (pin := pinned(name))
    ]
    return rows or [Row(OK, f"PyTorch {versions['torch']} and the other packages start")]


def attempted() -> tuple[dict[str, dict[str, str]], tuple[str, int]]:
    """What came of each attempt in .venv; and the one that ended Python, with Python's exit code,
    or "" and 0. It starts where a kernel does, outside the folder of the course.
    """
    process = subprocess.run(
        [PYTHON, "-c", ATTEMPTS, json.dumps(PACKAGES), SERVER],
        cwd=VENV,
        env=installation.child_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    results = {line["name"]: line for line in lines if "name" in line}
    for result in results.values():  # Jupyter logs the reason and then leaves
        if result.get("error", "").startswith("SystemExit"):
            result["error"] = (process.stderr.strip().splitlines() or [result["error"]])[-1]
    started = [line["starts"] for line in lines if "starts" in line] or ["Python in .venv"]
    return results, (started[-1], process.returncode) if process.returncode else ("", 0)


def problems(
    results: dict[str, dict[str, str]], ending: tuple[str, int], default: str
) -> list[Row]:
    """A row for what is absent, for each package that does not start, and for a sudden end."""
    errors = {name: result for name, result in results.items() if "error" in result}
    absent = [name for name, result in errors.items() if is_absent(name, result["absent"])]
    rows = [Row(MISSING, f"in .venv: {', '.join(absent)}; {default}")] if absent else []
    for name, result in errors.items():
        if name not in absent:
            reason = (result["error"].splitlines() or [""])[0][:160]
            own = "make that possible, or correct your Jupyter configuration"
            advice = remedy(result["error"], own if name == SERVER else default)
            rows.append(Row(MISSING, f"{name} does not start: {reason}; {advice}"))
    name, code = ending
    if name:
        advice = ENDINGS.get(code) or remedy("ended by signal" if code < 0 else "", default)
        rows.append(Row(MISSING, f"{name} ends Python itself: {advice}"))
    return rows


def is_absent(name: str, module: str) -> bool:
    """Whether `module`, which an import asked for in vain, is the package itself."""
    return module.split(".")[0] in [own.split(".")[0] for own in PACKAGES.get(name, [])]


def remedy(error: str, default: str) -> str:
    """What helps against an error. A library that no package brings is the system's to bring."""
    foreign = next(filter(os.environ.get, LOADER), "")
    if foreign and re.search(LIBRARY, error):
        return f"start this without {foreign}, which leads to other programs' libraries"
    for pattern, advice in REMEDIES.items():
        if re.search(pattern, error):
            return advice
    library = re.search(r"([^\s/:]+): cannot open shared object file", error)
    packages = installation.packages_folder()
    if library and packages:
        records = packages.glob("*.dist-info/RECORD")
        if not any(library[1] in path.read_text(errors="replace") for path in records):
            return f"install the package of your system that contains {library[1]}"
    return default


def show_progress() -> None:
    """How far the learner is, from the small file that only this computer has."""
    environment = installation.child_environment()
    environment.setdefault("COURSE_PROGRESS", str(ROOT / "my" / ".progress.json"))
    if os.path.exists(environment["COURSE_PROGRESS"]):
        print(flush=True)
        subprocess.call([PYTHON, "-m", "course_utils.checks.record"], cwd=ROOT, env=environment)


LOOKS = (
    look_at_python,
    look_at_disk,
    look_at_memory,
    look_at_folder,
    look_at_packages,
    look_at_port,
    look_at_browser,
)

if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Open the course, or test it; the same on Linux, macOS and Windows, with nothing but Python to
begin with.

    python run.py lab  [-- arguments for JupyterLab]
    python run.py test [-- arguments for pytest]
    python run.py check

The first two install what they need into .venv, once. After an interruption the same command goes
on. The third installs nothing: it says in one screen what is missing on this computer, and how far
you are in the course.
"""

# Even Python 2 must be able to read this file, to say that it is too old: hence .format and types
# in comments.
import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import webbrowser

try:
    import fcntl
except ImportError:
    fcntl = None  # on Windows two installs at once are not kept apart

MINIMUM, NEWEST = (3, 11), (3, 14)  # the pinned PyTorch has no build for a newer one
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python.exe" if os.name == "nt" else "python")
CONSTRAINTS = os.path.join(ROOT, "constraints.txt")
TARGETS = {"lab": ".", "test": ".[test]"}  # what pip installs for each command
COMMANDS = tuple(TARGETS) + ("check",)
READY = "course-ready.json"  # lies beside the installed packages and tells what is complete there
PROBE = """import os, sys, sysconfig
folder = sysconfig.get_path("purelib")
if {} <= sys.version_info[:2] <= {} and os.path.samefile(sys.prefix, sys.argv[1]) and os.path.isdir(folder):
    print(folder)
"""
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
# room that an install takes, by the PyTorch that is due
GIGABYTES = {"complete": 0.5, "cpu": 2.5, "cuda": 8}
# gigabytes: a lesson takes one, JupyterLab and a browser as much again
MEMORY = {"little": 4, "too little": 2}
USAGE = (
    "`python run.py lab` opens the course, `python run.py test` tests it, `python run.py check`"
    " says what is missing, and what follows a `--` is passed on to JupyterLab or pytest."
)
AGAIN = "then run the same command again: it goes on where it stopped."

DISK_FULL = r"Errno 28\b|WinError 112\b|No space left|Disk quota exceeded"
NO_NETWORK = (
    r"connection broken by|NewConnectionError|NameResolutionError|Max retries"
    r" exceeded|Timeout(Error)?\b"
    r"|[Tt]imed out|ProxyError|Failed to (connect|resolve|establish)|Network is"
    r" unreachable|getaddrinfo failed"
)
NO_BUILD = r"\(constraint\) torch=="  # what pip says on an Intel Mac, for example


def main(arguments):
    # type: (list) -> int
    if wrong_python() and arguments[:1] != ["check"]:
        sys.exit(wrong_python())
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    command, extra = parse(arguments)
    if command == "check":
        return check()
    if command == "lab":
        refuse_taken_port(extra)
    try:
        install(command)
        return lab(extra) if command == "lab" else test(extra)
    except OSError as error:
        sys.exit(explain(str(error)))


def wrong_python():
    # type: () -> str
    """What to do about a Python that is too old or too new; "" if it fits."""
    this = tuple(sys.version_info[:2])
    return (
        ""
        if MINIMUM <= this <= NEWEST
        else (
            "Python {}.{} to {}.{} is needed, this is {}.{}: get {}.{} from"
            " https://www.python.org/downloads/ and run the same command with it, by its full name:"
            " `python{}.{}`, on Windows `py -{}.{}`.".format(
                *(MINIMUM + NEWEST + this + 3 * NEWEST)
            )
        )
    )


def parse(arguments):
    # type: (list) -> tuple
    """The command, and what is meant for the program that it starts."""
    if not arguments:
        sys.exit("A command is missing: " + USAGE)
    command, extra = arguments[0], arguments[1:]
    if command not in COMMANDS:
        sys.exit(f"There is no command {command!r}: {USAGE}")
    if extra and extra[0] != "--":
        sys.exit(f"{extra[0]!r} stands before the `--`: {USAGE}")
    return command, extra[1:]


def refuse_taken_port(extra):
    # type: (list) -> None
    """JupyterLab would silently take another port than the one asked for."""
    asked = re.search(r"(?:^|\n)--(?:\w+\.)?port[=\n](\d{1,5})(?:\n|$)", "\n".join(extra))
    if not asked or int(asked.group(1)) > 65535:
        return
    listener = socket.socket()
    try:
        if os.name != "nt":  # a server that has just stopped does not count
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(asked.group(1))))
    except OSError as error:
        sys.exit(
            f"Port {asked.group(1)} cannot be used ({error.strerror}): ask for another one, or leave it out to get a free one."
        )
    finally:
        listener.close()


# --- the environment ------------------------------------------------------------------------------


def install(command):
    # type: (str) -> None
    """Bring .venv to what pyproject.toml and constraints.txt ask for; costs nothing when it is
    there.
    """
    if command not in read_ready(packages_folder()):
        with only_install():
            install_now(command)


def install_now(command):
    # type: (str) -> None
    packages = packages_folder()
    ready = read_ready(packages)
    if command in ready:
        return  # another start has done it meanwhile
    packages = packages or make_venv()
    forget_half_installed(packages)
    if os.path.exists(os.path.join(packages, READY)):
        os.remove(os.path.join(packages, READY))
    if not version_in(packages, "pip"):
        run_quietly([PYTHON, "-m", "ensurepip", "--default-pip"])
    if version_in(packages, "torch").split("+")[0] == pinned("torch"):
        require_room(GIGABYTES["complete"])
    else:
        install_torch()
    say("Installing JupyterLab, NumPy and the other packages. This takes a few minutes, once.")
    pip_install("-e", TARGETS[command])
    with open(os.path.join(packages, READY), "w") as file:
        json.dump(
            {"fingerprint": fingerprint(), "commands": sorted({command, "lab"}.union(ready))}, file
        )


@contextlib.contextmanager
def only_install():
    # type: () -> Iterator
    """Wait for an install that is under way. pip inherits the lock, so one whose starter was killed
    counts.
    """
    folder = os.open(ROOT, os.O_RDONLY) if fcntl else None
    try:
        if fcntl:
            os.set_inheritable(folder, True)
            take_lock(folder)
        yield
    finally:
        if fcntl:
            os.close(folder)


def take_lock(folder):
    # type: (int) -> None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Another install in this folder is under way: waiting for it.")
        fcntl.flock(folder, fcntl.LOCK_EX)
    except OSError:
        pass  # a file system without locks


def install_torch():
    # type: () -> None
    """The default index serves Linux a build for NVIDIA cards, ten times as large; without such a
    card, avoid it.
    """
    cuda = sys.platform.startswith("linux") and has_nvidia()
    require_room(GIGABYTES["cuda" if cuda else "cpu"])
    say("Installing PyTorch, the largest package. This takes a few minutes, once.")
    smaller = sys.platform.startswith("linux") and not cuda and answers(CPU_WHEELS + "/torch/", 3)
    pip_install("torch", *(["--extra-index-url", CPU_WHEELS] if smaller else []))


def pip_install(*what):
    # type: (*str) -> None
    run_quietly(
        [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--progress-bar",
            "off",
            "-c",
            CONSTRAINTS,
        ]
        + list(what),
        show=show_package,
    )


def packages_folder():
    # type: () -> str
    """Where the packages of .venv are; "" when .venv is half made, broken or of a Python that does
    not fit.
    """
    try:
        return subprocess.check_output(
            [PYTHON, "-c", PROBE.format(MINIMUM, NEWEST), VENV],
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def make_venv():
    # type: () -> str
    """Make .venv, in place of one that does not work; returns where its packages will be."""
    from importlib.util import find_spec

    for module in ("venv", "ensurepip"):
        if not find_spec(module):
            sys.exit(
                f"This Python lacks its module {module}: on Debian and Ubuntu `sudo apt install"
                " python3-venv` brings it, elsewhere install Python from"
                f" https://www.python.org/downloads/; {AGAIN}"
            )
    require_room(GIGABYTES["cpu"])
    if os.path.isdir(VENV):
        say("The folder .venv is half made or broken: making it anew.")
    run_quietly([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV])
    packages = packages_folder()
    return packages or sys.exit(
        "The Python in the new .venv does not run: install Python from "
        "https://www.python.org/downloads/, " + AGAIN
    )


def forget_half_installed(packages):
    # type: (str) -> None
    """pip writes INSTALLER after all else: without it a package is half there, but pip would take
    it for whole.
    """
    for name in os.listdir(packages):
        path = os.path.join(packages, name)
        unfinished = name.endswith(".dist-info") and not os.path.exists(
            os.path.join(path, "INSTALLER")
        )
        if unfinished or name.startswith("~"):  # pip's name for a package that it was replacing
            shutil.rmtree(path, ignore_errors=True)


def version_in(packages, name):
    # type: (str, str) -> str
    """Version of an installed package, "" where it is missing."""
    found = re.search(
        rf"^{re.escape(name)}-([^-\n]+)\.dist-info$",
        "\n".join(os.listdir(packages)),
        re.MULTILINE,
    )
    return found.group(1) if found else ""


def pinned(name):
    # type: (str) -> str
    """The exact version in constraints.txt; the tests see to it that pyproject.toml accepts it."""
    with open(CONSTRAINTS) as file:
        return re.search(rf"^{re.escape(name)}==(\S+)", file.read(), re.MULTILINE).group(1)


def fingerprint():
    # type: () -> str
    """Changes with what is asked for, and with the folder, since the course is installed by its
    place.
    """
    digest = hashlib.sha256(ROOT.encode("utf-8", "surrogateescape"))
    for path in (os.path.join(ROOT, "pyproject.toml"), CONSTRAINTS):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read_ready(packages):
    # type: (str) -> list
    """The commands that all is installed for, as it is asked for now."""
    try:
        with open(os.path.join(packages, READY)) as file:
            note = json.load(file)
    except (OSError, ValueError):
        return []
    return note["commands"] if note["fingerprint"] == fingerprint() else []


def has_nvidia():
    # type: () -> bool
    return os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi") is not None


def answers(url, seconds):
    # type: (str, float) -> bool
    """Whether a page is there in time. In a thread, because a name server that hangs knows no
    timeout.
    """
    from urllib.request import urlopen

    replies = []

    def ask():
        # type: () -> None
        try:
            replies.append(urlopen(url, timeout=seconds).status)
        except (OSError, ValueError):
            pass

    thread = threading.Thread(target=ask)
    thread.daemon = True
    thread.start()
    thread.join(seconds)
    return bool(replies)


def require_room(gigabytes):
    # type: (float) -> None
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < gigabytes:
        sys.exit(
            f"The disk of {ROOT} has {free:.1f} GB left and {gigabytes:.1f} GB are needed: make room, {AGAIN}"
        )


# --- what is missing ------------------------------------------------------------------------------

OK, NOTE, MISSING = "ok", "note", "MISSING"
PACKAGES = (
    ("numpy", "numpy"),
    ("torch", "torch"),
    ("scipy", "scipy.stats"),
    ("matplotlib", "matplotlib.pyplot"),
    ("scikit-learn", "sklearn.linear_model"),
    ("scikit-image", "skimage.measure"),
    ("pillow", "PIL.Image"),
    ("tqdm", "tqdm.auto"),
    ("ipywidgets", "ipywidgets"),
    ("jupyterlab", "jupyterlab"),
    # as they are called, and what a lesson imports of them
    ("generative-ai-course", "course_utils.runtime"),
)
IMPORTS = """import importlib, json, sys
from importlib import metadata
for name, module in json.loads(sys.argv[1]):
    print(json.dumps({"starts": name}), flush=True)
    try:
        importlib.import_module(module)
        found = {"version": metadata.version(name)}
        if name == "torch":
            float(sys.modules["torch"].ones(2).sum())
    except BaseException as error:
        absent = isinstance(error, ImportError) and getattr(error, "name", None) in (module.split(".")[0], name)
        found = {"error": "" if absent else "{}: {}".format(type(error).__name__, error)}
    print(json.dumps({"name": name, **found}), flush=True)
"""


def check():
    # type: () -> int
    """Say in one screen what the course needs and what this computer has; 1 if something has to be
    mended.
    """
    rows = []
    for look in (
        look_at_python,
        look_at_disk,
        look_at_memory,
        look_at_folder,
        look_at_venv,
        look_at_port,
        look_at_browser,
    ):
        try:
            rows += look()
        # an old Python, a strange system: the other lines are still worth having
        except Exception as error:
            rows.append(
                (NOTE, "{} could not be looked at ({})".format(look.__name__.split("_")[-1], error))
            )
    for state, text in rows:
        say(f"{state:8} {text}")
    wrong = [text for state, text in rows if state == MISSING]
    say(
        "\n"
        + (
            "{} to be mended, see above. Then run this again.".format(
                "One thing has" if len(wrong) == 1 else f"{len(wrong)} things have"
            )
            if wrong
            else "Nothing is missing: `python run.py lab` opens the course."
        )
    )
    if not wrong:
        show_progress()
    return int(bool(wrong))


def look_at_python():
    # type: () -> list
    if wrong_python():
        return [(MISSING, wrong_python())]
    from importlib.util import find_spec

    rows = [(OK, "Python {}.{}.{}".format(*sys.version_info[:3]))]
    if sys.maxsize < 2**32:
        rows = [
            (
                MISSING,
                (
                    "this Python has 32 bits, and PyTorch needs 64: get one from"
                    " https://www.python.org/downloads/"
                ),
            )
        ]
    lacking = [module for module in ("venv", "ensurepip") if not find_spec(module)]
    if lacking and not packages_folder():
        rows.append(
            (
                MISSING,
                "this Python lacks its module {}: on Debian and Ubuntu `sudo apt install"
                " python3-venv` brings it".format(" and ".join(lacking)),
            )
        )
    return rows


def look_at_disk():
    # type: () -> list
    packages = packages_folder()
    due = (
        "complete"
        if packages and version_in(packages, "torch")
        else ("cuda" if sys.platform.startswith("linux") and has_nvidia() else "cpu")
    )
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES[due]:
        return [
            (
                MISSING,
                f"room: {free:.1f} GB are free on the disk of {ROOT}, and {GIGABYTES[due]} are needed",
            )
        ]
    return [(OK, f"{free:.0f} GB free on the disk")]


def look_at_memory():
    # type: () -> list
    total = memory() / 1e9
    if total < MEMORY["too little"]:
        return [
            (
                MISSING,
                "memory: {:.1f} GB, and a lesson with JupyterLab and a browser needs {}".format(
                    total, MEMORY["too little"]
                ),
            )
        ]
    if total < MEMORY["little"]:
        return [
            (
                NOTE,
                f"{total:.1f} GB of memory: enough for one lesson at a time, with other programs closed",
            )
        ]
    return [(OK, f"{total:.0f} GB of memory")]


def memory():
    # type: () -> int
    """Bytes of memory that this computer, or the container that this is, may use."""
    if os.name == "nt":
        return windows_memory()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                total = min(total, int(file.read()))
        except (OSError, ValueError):
            pass  # no container, or one without a limit
    return total


def windows_memory():
    # type: () -> int
    import ctypes

    # a MEMORYSTATUSEX: its own length first, then the bytes in all
    status = (ctypes.c_ulonglong * 8)(64)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return status[1]


def look_at_folder():
    # type: () -> list
    mine = os.path.join(ROOT, "my")
    rows = (
        []
        if os.path.exists(os.path.join(ROOT, "notebooks", "index.ipynb"))
        else [
            (
                MISSING,
                (
                    "the folder notebooks/ of the course: get it again with `git checkout --"
                    " notebooks`"
                ),
            )
        ]
    )
    for folder in (ROOT, mine):
        if os.path.exists(folder) and not os.access(folder, os.W_OK):
            rows.append(
                (
                    MISSING,
                    f"{folder} cannot be written: put the course into a folder of your own",
                )
            )
    return rows or [(OK, f"the course is in {ROOT}")]


def look_at_venv():
    # type: () -> list
    """The folder .venv, and whether all in it starts."""
    packages = packages_folder()
    if not packages:
        return [
            (
                MISSING,
                "the packages, PyTorch among them: {}; `python run.py lab` installs them".format(
                    "the folder .venv is half made or broken"
                    if os.path.isdir(VENV)
                    else "nothing is installed yet"
                ),
            )
        ]
    rows = look_at_packages()
    if "lab" not in read_ready(packages):
        rows.append(
            (
                MISSING,
                (
                    "the installation is not complete or not up to date: `python run.py lab` goes"
                    " on with it"
                ),
            )
        )
    return rows


def look_at_packages():
    # type: () -> list
    found, stopped = imported()
    absent = [name for name, told in found if told.get("error") == ""]
    rows = (
        [
            (
                MISSING,
                "in .venv: {}; `python run.py lab` installs what is missing".format(
                    ", ".join(absent)
                ),
            )
        ]
        if absent
        else []
    )
    rows += [
        (
            MISSING,
            "{} does not start: {}; delete the folder .venv, then `python run.py lab`".format(
                name, told["error"].splitlines()[0][:160]
            ),
        )
        for name, told in found
        if told.get("error")
    ]
    if stopped:
        rows.append(
            (
                MISSING,
                f"{stopped} ends Python itself: delete the folder .venv, then `python run.py lab`",
            )
        )
    versions = [(name, told["version"].split("+")[0]) for name, told in found if "version" in told]
    rows += [
        (
            NOTE,
            f"{name} is version {version}, and the course is tested with {pinned(name)}",
        )
        for name, version in versions
        if name != "generative-ai-course" and version != pinned(name)
    ]
    return rows or [(OK, "PyTorch {} and the other packages start".format(dict(versions)["torch"]))]


def imported():
    # type: () -> tuple
    """What each package says when it is imported in .venv, and the one that ended Python, or ""."""
    process = subprocess.Popen(
        [PYTHON, "-c", IMPORTS, json.dumps(PACKAGES)],
        cwd=VENV,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    lines = [
        json.loads(line) for line in process.communicate()[0].splitlines() if line.startswith("{")
    ]
    last = lines[-1] if lines else {"starts": "the first package"}
    return [(line["name"], line) for line in lines if "name" in line], last.get("starts", "")


def look_at_port():
    # type: () -> list
    for port in (8888, 0):
        listener = socket.socket()
        try:
            if os.name != "nt":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return [
                (
                    (OK, "port 8888 is free")
                    if port
                    else (NOTE, "port 8888 is taken: JupyterLab takes another one")
                )
            ]
        except OSError as error:
            told = error.strerror
        finally:
            listener.close()
    return [
        (
            MISSING,
            f"no port of 127.0.0.1 can be opened ({told}): JupyterLab and your browser could not talk",
        )
    ]


def look_at_browser():
    # type: () -> list
    try:
        webbrowser.get()
    except webbrowser.Error:
        return [(NOTE, "no browser was found: copy the address that JupyterLab prints into one")]
    return [(OK, "a browser is there")]


def show_progress():
    # type: () -> None
    """How far the learner is, from the small file that only this computer has."""
    environment = child_environment()
    environment.setdefault("COURSE_PROGRESS", os.path.join(ROOT, "my", ".progress.json"))
    if os.path.exists(environment["COURSE_PROGRESS"]):
        say("")
        subprocess.call([PYTHON, "-m", "course_utils.checks.record"], cwd=ROOT, env=environment)


# --- running things -------------------------------------------------------------------------------


def run_quietly(command, show=lambda line: ""):
    # type: (list, Callable) -> None
    """Run one step of the install, showing what `show` makes of its lines; end with one sentence if
    it fails.
    """
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        errors="replace",
        close_fds=False,
    )
    lines, shown = [], ""
    try:
        for line in process.stdout:
            lines.append(line)
            shown += show(line)
            sys.stdout.write(show(line))
            sys.stdout.flush()
        process.wait()
    finally:
        stop(process)
        sys.stdout.write("\n" * bool(shown))
    if process.returncode:
        save_log(lines)
        sys.exit(explain("".join(lines)))


def show_package(line):
    # type: (str) -> str
    """What a line of pip's says to a person who waits."""
    package = re.match(r"\s*Collecting ([\w.-]+)", line)
    return (
        package.group(1) + " "
        if package
        else "(unpacking)"
        if line.startswith("Installing collected")
        else ""
    )


def stop(process):
    # type: (subprocess.Popen) -> None
    """After Ctrl-C, let a process tidy up before it is ended."""
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()


def save_log(lines):
    # type: (list) -> None
    try:
        with open(os.path.join(VENV, "install.log"), "w") as file:
            file.writelines(lines)
    except (OSError, ValueError):
        pass  # the disk may be full; the sentence on the screen says so


def explain(output):
    # type: (str) -> str
    """One sentence about why an install failed, and what to do."""
    if re.search(DISK_FULL, output):
        return f"The disk is full ({ROOT} or the folder for temporary files): make room, {AGAIN}"
    if re.search(NO_NETWORK, output):
        return "Packages cannot be downloaded: check the network connection, " + AGAIN
    if re.search(NO_BUILD, output):
        return (
            "PyTorch {} has no build for this computer ({}): take another one, or a browser and the"
            " Colab link on top of each lesson.".format(pinned("torch"), platform.platform())
        )
    lines = [line for line in output.splitlines() if line.strip()] or ["without a word"]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    return f"The installation failed: {errors[-1].strip()} (more in .venv/install.log); mend that, {AGAIN}"


def say(text):
    # type: (str) -> None
    print(text)
    sys.stdout.flush()


def lab(extra):
    # type: (list) -> int
    """Fill my/ and open JupyterLab on the course index."""
    environment = child_environment()
    environment.setdefault("COURSE_PROGRESS", os.path.join(ROOT, "my", ".progress.json"))
    if subprocess.call(
        [PYTHON, "-m", "course_utils.platform.workspace"], cwd=ROOT, env=environment
    ):
        sys.stderr.write(
            "The notebooks in my/ could not be brought up to date and stay as they are.\n"
        )
    page = (
        "/lab/tree/my/index.ipynb"
        if os.path.exists(os.path.join(ROOT, "my", "index.ipynb"))
        else "/lab"
    )
    options = ["--ServerApp.root_dir=" + ROOT, "--LabApp.default_url=" + page]
    # Jupyter refuses an option that comes twice
    given = {argument.split("=")[0] for argument in extra}
    options = [option for option in options if option.split("=")[0] not in given]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return become([PYTHON, "-m", "jupyterlab"] + options + extra, environment)


def test(extra):
    # type: (list) -> int
    """Run the tests, without network where the system can do that."""
    environment, prefix = child_environment(), without_network()
    if prefix:
        environment["COURSE_OFFLINE"] = "1"
    return become(prefix + [PYTHON, "-m", "pytest"] + extra, environment)


def child_environment():
    # type: () -> dict
    """One thread, because two that share a core are far slower than one; and .venv for what a
    notebook calls.
    """
    environment = dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment["PATH"] = os.pathsep.join([BIN, environment.get("PATH", os.defpath)])
    return environment


def without_network():
    # type: () -> list
    """What to put before a command so that it runs without network; empty where that is impossible."""
    if not sys.platform.startswith("linux"):
        return []
    loopback = 'PATH="$PATH:/usr/sbin:/sbin" ip link set lo up && exec "$@"'  # kernels talk over it
    prefix = ["unshare", "-n" if os.geteuid() == 0 else "-rn", "sh", "-c", loopback, "sh"]
    try:
        works = (
            subprocess.call(prefix + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            == 0
        )
    except OSError:
        works = False
    return prefix if works else []


def become(command, environment):
    # type: (list, dict) -> int
    """Turn into a program, so that signals and its exit code are its own; Windows can only wait for
    it.
    """
    sys.stdout.flush()
    os.chdir(ROOT)
    if os.name != "nt":
        os.execvpe(command[0], command, environment)
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # the program got it too and decides


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on from here.\n")
        sys.exit(130)

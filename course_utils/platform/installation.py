"""The folder .venv, brought to what the course asks for: with uv where it is on the PATH, else with
venv and pip.

Only the standard library is imported here, because nothing else is installed yet.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

if os.name != "nt":  # on Windows, two installs at once are not kept apart
    import fcntl

ROOT = Path(os.path.abspath(__file__)).parents[2]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = str(BIN / ("python.exe" if os.name == "nt" else "python"))
LAB_SETTINGS = Path(__file__).with_name("jupyter")  # how JupyterLab starts, unless the user differs
CONSTRAINTS = ROOT / "constraints.txt"
TARGETS = {"lab": ".", "test": ".[test]"}  # what is installed for each command
READY = "course-ready.json"  # this file next to the packages says for which commands they suffice
PROBE = """import json, os, sys, sysconfig
if os.path.samefile(sys.prefix, sys.argv[1]) and os.path.isdir(sysconfig.get_path("purelib")):
    print(json.dumps(sysconfig.get_path("purelib")))  # in ASCII, whatever the terminal's encoding
"""
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
GIGABYTES = {"complete": 0.5, "cpu": 2.5, "cuda": 8}  # what an install takes, by PyTorch's build
# How to reach packages: the only settings of pip that count here, with uv's names where it has them
SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "keyring-provider": None,
    "timeout": None,
    "default-timeout": None,
    "retries": None,
    "cache-dir": None,
}
# Variables that could change what is installed and where, or how its output reads
STEERING = (
    r"(?i)PYTHON|PIP_|FORCE_COLOR|CLICOLOR"
    r"|UV_(?!\w*(INDEX|CERTS)|FIND_LINKS|INSECURE_HOST|HTTP_|CACHE|LINK_MODE|NATIVE_TLS|KEYRING)"
)
# Settings for another Python or for scripts: its packages, warnings as errors, figures in windows
FOREIGN = (
    r"PYTHON(?!IOENCODING|UTF8|HASHSEED|DONTWRITEBYTECODE|PYCACHEPREFIX|UNBUFFERED|FAULTHANDLER)"
    r"|MPLBACKEND"
)
# What keeps files in a home, and the folder for it where the home cannot be written
HOME = ROOT / "my" / ".home"
KEEPERS = {
    "JUPYTER_CONFIG_DIR": "jupyter",
    "JUPYTER_DATA_DIR": "jupyter-data",
    "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
    "IPYTHONDIR": "ipython",
    "MPLCONFIGDIR": "matplotlib",
    "XDG_CACHE_HOME": "cache",
}
AGAIN = "then run the same command again: it continues where it stopped."
DISK_FULL = r"Errno 28\b|(WinError|os error) 112\b|No space left|Disk quota exceeded"
NO_NETWORK = (
    r"connection broken by|NewConnectionError|NameResolutionError|Max retries exceeded"
    r"|Timeout(Error)?\b|[Tt]imed out|ProxyError|Failed to (connect|resolve|establish)"
    r"|Network is unreachable|getaddrinfo failed|error sending request"
)
NO_BUILD = r"\(constraint\) torch==|torch==\S+ has no wheels"  # as on an Intel Mac: pip, uv


def install(command: str) -> None:
    """Bring .venv to what pyproject.toml and constraints.txt ask for; costs nothing if it is."""
    if command not in read_ready(packages_folder()):
        with only_install():
            install_now(command)


def install_now(command: str) -> None:
    packages = packages_folder()
    ready = read_ready(packages)
    if command in ready:
        return  # another start has installed it in the meantime
    packages = packages or make_venv()
    forget_half_installed(packages)
    (packages / READY).unlink(missing_ok=True)
    if not version_in(packages, "pip"):
        require_modules()
        if find_spec("ensurepip"):
            run_quietly([PYTHON, "-m", "ensurepip", "--default-pip"])
    if version_in(packages, "torch").split("+")[0] == pinned("torch"):
        require_room(GIGABYTES["complete"])
    else:
        install_torch()
    say("Installing JupyterLab, NumPy and the other packages. This takes a few minutes, once.")
    install_packages("-e", TARGETS[command])
    note = {"fingerprint": fingerprint(), "commands": sorted({command, "lab", *ready})}
    (packages / READY).write_text(json.dumps(note))


@contextlib.contextmanager
def only_install() -> Iterator[None]:
    """Wait for an install that is under way. pip and uv inherit the lock, so that one whose starter
    was killed counts.
    """
    if os.name == "nt":
        yield
        return
    folder = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(folder, True)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Another install in this folder is under way: waiting for it.")
        fcntl.flock(folder, fcntl.LOCK_EX)
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        os.close(folder)


def packages_folder() -> Path | None:
    """Where the packages of .venv are; None if .venv is half made, broken or of a wrong Python."""
    environment = child_environment()
    folder = json.loads(output([PYTHON, "-c", PROBE, str(VENV)], environment).strip() or '""')
    fits = folder and runs([PYTHON, str(ROOT / "run.py"), "--help"], environment)
    return Path(folder) if fits else None


def make_venv() -> Path:
    """Make .venv, in place of one that does not work; returns where its packages will be."""
    require_modules()
    require_room(GIGABYTES["cpu"])
    if VENV.is_dir():
        say("The folder .venv is incomplete or broken: making it again.")
    if find_uv():
        if VENV.exists():  # uv does not replace a folder that is no environment
            shutil.rmtree(VENV)
        run_quietly([find_uv(), "venv", "--no-config", "--python", sys.executable, str(VENV)])
    else:
        run_quietly([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)])
    return packages_folder() or sys.exit(
        "The Python in the new .venv does not run: install Python from"
        f" https://www.python.org/downloads/, {AGAIN}"
    )


def install_torch() -> None:
    """The default index serves Linux a build for NVIDIA cards, ten times as large; without such a
    card, avoid it.
    """
    linux = sys.platform.startswith("linux")
    cuda = linux and has_nvidia()
    require_room(GIGABYTES["cuda" if cuda else "cpu"])
    say("Installing PyTorch, the largest package. This takes a few minutes, once.")
    smaller = linux and not cuda and answers(f"{CPU_WHEELS}/torch/", 3)
    install_packages("torch", *(["--extra-index-url", CPU_WHEELS] if smaller else []))


def install_packages(*what: str) -> None:
    """Install what is pinned; of several indexes both installers take the best version."""
    if find_uv():
        installer = [find_uv(), "pip", "install", "--no-config", "--no-progress"]
        installer += ["--index-strategy", "unsafe-best-match", "--python", PYTHON]
    else:
        installer = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        installer += ["--progress-bar", "off"]
    run_quietly([*installer, "-c", str(CONSTRAINTS), *what], show_package, settings())


def settings() -> dict[str, str]:
    """How to reach packages (a company's index, a proxy), as the user has told pip: for pip itself,
    and for uv where it has not been told.
    """
    values = {"PIP_CONFIG_FILE": os.devnull}
    for section in ("global", "install", ":env:"):  # a later one counts more
        for name, quoted in re.findall(
            rf"^{section}\.([\w-]+)=(.+)$", pip_settings(), re.MULTILINE
        ):
            if name in SETTINGS:
                words = str(ast.literal_eval(quoted)).split()
                values[f"PIP_{name.upper().replace('-', '_')}"] = " ".join(words)
                uvs_name = SETTINGS[name]
                if uvs_name and uvs_name not in os.environ:
                    values[uvs_name] = ("," if name == "find-links" else " ").join(words)
    return values


@functools.cache
def pip_settings() -> str:
    """What pip is told by its files and variables, one setting a line."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {"PIP_USER": "0", "PIP_GLOBAL": "0", "PIP_SITE": "0", "PIP_QUIET": "0"}  # all
    pips = ([python, "-m", "pip", "config", "list"] for python in (PYTHON, sys.executable))
    return next(filter(None, (output(pip, environment) for pip in pips)), "")


def forget_half_installed(packages: Path) -> None:
    """pip and uv write INSTALLER after all else: without it a package is half there, but they would
    take it for whole.
    """
    for path in packages.iterdir():
        unfinished = path.suffix == ".dist-info" and not (path / "INSTALLER").exists()
        if unfinished or path.name.startswith("~"):  # pip's name for what it was replacing
            shutil.rmtree(path, ignore_errors=True)


def version_in(packages: Path, name: str) -> str:
    """Version of an installed package, "" where it is missing."""
    infos = (path.name for path in packages.iterdir() if path.suffix == ".dist-info")
    versions = (re.fullmatch(rf"{re.escape(name)}-([^-]+)\.dist-info", info) for info in infos)
    return next((match[1] for match in versions if match), "")


def pinned(name: str) -> str:
    """The exact version in constraints.txt; the tests see to it that pyproject.toml accepts it."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", CONSTRAINTS.read_text(), re.MULTILINE)
    return dict(pins)[name]


def fingerprint() -> str:
    """Changes with what is asked for, and with the folder: the course is installed by its place."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(ROOT)))
    for path in (ROOT / "pyproject.toml", CONSTRAINTS):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_ready(packages: Path | None) -> list[str]:
    """The commands for which everything is installed, as it is asked for now."""
    try:
        note = json.loads((packages / READY).read_text()) if packages else {}
        return note["commands"] if note["fingerprint"] == fingerprint() else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def has_nvidia() -> bool:
    return os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi") is not None


@functools.cache
def find_uv() -> str:
    """The uv on the PATH; "" if there is none that runs, as where pyenv left a shim."""
    uv = shutil.which("uv") or ""
    return uv if uv and runs([uv, "--version"]) else ""


def answers(url: str, seconds: float) -> bool:
    """Whether a page is there in time. In a thread, because a name server that hangs knows no
    timeout.
    """
    replies = []

    def ask() -> None:
        with contextlib.suppress(OSError, ValueError), urlopen(url, timeout=seconds) as reply:
            replies.append(reply.status)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(replies)


def missing_modules() -> list[str]:
    """What this Python lacks to make an environment; uv needs none of it."""
    return [m for m in ("venv", "ensurepip") if not find_spec(m)] if not find_uv() else []


def require_modules() -> None:
    if missing_modules():
        sys.exit(
            f"This Python lacks its module {missing_modules()[0]}: on Debian and Ubuntu `sudo apt"
            " install python3-venv` brings it, elsewhere install Python from"
            f" https://www.python.org/downloads/; {AGAIN}"
        )


def require_room(gigabytes: float) -> None:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < gigabytes:
        sys.exit(
            f"The disk of {ROOT} has {free:.1f} GB left and {gigabytes:.1f} GB are needed: make"
            f" room, {AGAIN}"
        )


# --- running things -------------------------------------------------------------------------------


def child_environment() -> dict[str, str]:
    """.venv as if activated, without another Python's packages and with its own kernel first; one
    thread, because two that share a core are far slower than one.
    """
    environment = {k: v for k, v in os.environ.items() if not re.match(FOREIGN, k)}
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    kernels = [str(VENV / "share" / "jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    settings = [*filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")]), str(LAB_SETTINGS)]
    own = {
        "VIRTUAL_ENV": str(VENV),
        "PATH": path,
        "JUPYTER_PATH": os.pathsep.join(kernels),
        "JUPYTER_CONFIG_PATH": os.pathsep.join(settings),
    }
    homes = {} if home_is_writable() else {name: str(HOME / f) for name, f in KEEPERS.items()}
    return {"OMP_NUM_THREADS": "1", **environment, **own, **homes}


def home_is_writable() -> bool:
    """Whether Jupyter can keep its files where it wants to, in the user's home."""
    home = os.path.expanduser("~")
    data = {
        "darwin": os.path.join(home, "Library", "Jupyter"),
        "win32": os.path.join(os.environ.get("APPDATA") or home, "jupyter"),
    }.get(sys.platform) or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "jupyter"
    )
    data = os.environ.get("JUPYTER_DATA_DIR") or data
    config = os.environ.get("JUPYTER_CONFIG_DIR") or os.path.join(home, ".jupyter")
    runtime = os.environ.get("JUPYTER_RUNTIME_DIR") or os.path.join(data, "runtime")
    return all(map(can_write, (data, config, runtime)))


def can_write(folder: str) -> bool:
    """Whether files can be made in a folder, or in the first one above it that exists."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(os.path.abspath(folder))
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))  # a disk may be full, or a quota used up
        return True
    except OSError:
        return False


def run_quietly(
    command: list[str],
    show: Callable[[str], str] = lambda line: "",
    settings: dict[str, str] | None = None,
) -> None:
    """Run one step of the install with no other settings than these, showing what `show` makes of
    its lines; end with one sentence if it fails.
    """
    process = start(command, settings or {})
    lines, shown = [], ""
    try:
        for line in process.stdout or ():
            lines.append(line)
            shown += show(line)
            print(show(line), end="", flush=True)
        process.wait()
    finally:
        stop(process)
        print("\n" * bool(shown), end="", flush=True)
    if process.returncode:
        with contextlib.suppress(OSError, ValueError):  # the disk may be full
            (VENV / "install.log").write_text("".join(lines))
        sys.exit(explain("".join(lines)))


def start(command: list[str], settings: dict[str, str]) -> subprocess.Popen:
    """A process that inherits the lock of `only_install` and of the user's settings only these."""
    kept = {k: v for k, v in child_environment().items() if not re.match(STEERING, k)}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**kept, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,
    )


def stop(process: subprocess.Popen) -> None:
    """After Ctrl-C, let a process clean up before it is ended."""
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()


def show_package(line: str) -> str:
    """What a line of pip's or uv's says to a person who waits."""
    package = re.match(r"\s*Collecting ([\w.-]+)|Downloading ([\w.-]+) \(", line)
    if package:
        return f"{package[1] or package[2]} "
    return "(unpacking)" if re.match("Installing collected|Prepared ", line) else ""


def explain(log: str) -> str:
    """One sentence about why an install failed, and what to do."""
    if re.search(DISK_FULL, log):
        return f"The disk is full ({ROOT} or the folder for temporary files): make room, {AGAIN}"
    if re.search(NO_NETWORK, log):
        return f"Packages cannot be downloaded: check the network connection, {AGAIN}"
    if re.search(NO_BUILD, log):
        return (
            f"PyTorch {pinned('torch')} has no build for this computer ({platform.platform()}): use"
            " another one, or a browser and the Colab link at the top of each lesson."
        )
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.match("ERROR:|error:|cause:|Caused by:", line)]
    reason = [*lines, *errors][-1] if lines else "without an error message"
    return f"The installation failed: {reason} (more in .venv/install.log); fix that, {AGAIN}"


def output(command: list[str], environment: dict[str, str]) -> str:
    """What a command prints; "" where it fails."""
    try:
        silent = subprocess.DEVNULL
        return subprocess.check_output(
            command, cwd=ROOT, env=environment, stderr=silent, text=True, errors="replace"
        )
    except (OSError, subprocess.CalledProcessError):
        return ""


def runs(command: list[str], environment: dict[str, str] | None = None) -> bool:
    try:
        silent = subprocess.DEVNULL
        return subprocess.call(command, env=environment, stdout=silent, stderr=silent) == 0
    except OSError:
        return False


def say(text: str) -> None:
    print(text, flush=True)


def print_anything() -> None:
    """From now on a question mark stands for what the terminal's encoding lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")

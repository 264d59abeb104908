#!/usr/bin/env python3
"""Open the course or test it, on Linux, macOS and Windows; nothing but Python is needed to begin.

    python run.py lab  [-- arguments for JupyterLab]
    python run.py test [-- arguments for pytest]
    python run.py check

`lab` and `test` install what they need into .venv, once. If that is interrupted, the same command
continues. `check` installs nothing: it says in one screen what is missing on this computer and how
far you are in the course.
"""

import os
import re
import signal
import socket
import subprocess
import sys

MINIMUM, NEWEST = (3, 11), (3, 14)  # the pinned PyTorch has no build for a newer one


def wrong_python() -> str:
    """What to do about a Python that is too old or too new; "" if it fits."""
    this = tuple(sys.version_info[:2])
    oldest, newest, mine = ("{}.{}".format(*version) for version in (MINIMUM, NEWEST, this))
    if MINIMUM <= this <= NEWEST:
        return ""
    return (
        f"Python {oldest} to {newest} is needed, this is {mine}: get {newest} from"
        " https://www.python.org/downloads/ and run the same command with it, by its full name:"
        f" `python{newest}`, on Windows `py -{newest}`."
    )


# Python 3.6 can read this whole file, so that it can say that it is too old. The rest is modern.
if sys.version_info[:2] < MINIMUM:
    sys.exit(wrong_python())
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # PYTHONSAFEPATH leaves it out

from course_utils.platform import installation  # noqa: E402
from course_utils.platform.installation import PYTHON, ROOT, child_environment  # noqa: E402

USAGE = (
    "`python run.py lab` opens the course, `python run.py test` tests it, `python run.py check`"
    " says what is missing, and what follows `--` goes to JupyterLab or pytest."
)


def main(arguments: list[str]) -> int:
    if wrong_python():
        sys.exit(wrong_python())
    if arguments[:1] in (["-h"], ["--help"]):
        print((__doc__ or "").strip())
        return 0
    installation.print_anything()
    command, extra = parse(arguments)
    if command == "check":
        return check()
    if command == "lab":
        refuse_taken_port(extra)
    try:
        installation.install(command)
        return lab(extra) if command == "lab" else test(extra)
    except OSError as error:
        sys.exit(installation.explain(str(error)))


def parse(arguments: list[str]) -> tuple[str, list[str]]:
    """The command, and what is meant for the program that it starts."""
    if not arguments:
        sys.exit(f"A command is missing: {USAGE}")
    command, extra = arguments[0], arguments[1:]
    if command not in (*installation.TARGETS, "check"):
        sys.exit(f"There is no command {command!r}: {USAGE}")
    if extra and extra[0] != "--":
        sys.exit(f"{extra[0]!r} must come after `--`: {USAGE}")
    return command, extra[1:]


def refuse_taken_port(extra: list[str]) -> None:
    """JupyterLab would silently take another port than the one asked for."""
    asked = re.search(r"(?:^|\n)--(?:\w+\.)?port[=\n](\d{1,5})(?:\n|$)", "\n".join(extra))
    if not asked or int(asked[1]) > 65535:
        return
    with socket.socket() as listener:
        if os.name != "nt":  # a server that has just stopped does not count
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(asked[1])))
        except OSError as error:
            sys.exit(
                f"Port {asked[1]} cannot be used ({error.strerror}): ask for another one, or leave"
                " it out to get a free one."
            )


def check() -> int:
    """Examine this computer, with the Python of .venv where there is one that works."""
    python = PYTHON if installation.packages_folder() else sys.executable
    return become([python, "-m", "course_utils.platform.doctor"], child_environment())


def lab(extra: list[str]) -> int:
    """Fill my/ and open JupyterLab on the course index."""
    environment = child_environment()
    environment.setdefault("COURSE_PROGRESS", str(ROOT / "my" / ".progress.json"))
    if not installation.home_is_writable():
        installation.say(f"Your home folder cannot be written: Jupyter uses {installation.HOME}.")
    refresh = [PYTHON, "-m", "course_utils.platform.workspace"]
    if subprocess.call(refresh, cwd=ROOT, env=environment):
        print("The notebooks in my/ could not be updated and stay as they are.", file=sys.stderr)
    page = "/lab/tree/my/index.ipynb" if (ROOT / "my/index.ipynb").exists() else "/lab"
    options = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={page}"]
    given = {argument.split("=")[0] for argument in extra}  # Jupyter refuses an option twice
    options = [option for option in options if option.split("=")[0] not in given]
    if os.name != "nt" and os.geteuid() == 0:
        options.append("--allow-root")
    return become([PYTHON, "-m", "jupyterlab", *options, *extra], environment)


def test(extra: list[str]) -> int:
    """Run the tests, without network where the system can do that."""
    prefix = without_network()
    offline = {"COURSE_OFFLINE": "1"} if prefix else {}
    return become([*prefix, PYTHON, "-m", "pytest", *extra], {**child_environment(), **offline})


def without_network() -> list[str]:
    """What to put before a command so that it runs without network; empty where impossible."""
    if not sys.platform.startswith("linux"):
        return []
    loopback = 'PATH="$PATH:/usr/sbin:/sbin" ip link set lo up && exec "$@"'  # kernels talk over it
    prefix = ["unshare", "-n" if os.geteuid() == 0 else "-rn", "sh", "-c", loopback, "sh"]
    return prefix if installation.runs([*prefix, "true"]) else []


def become(command: list[str], environment: dict[str, str]) -> int:
    """Turn into a program, so that signals and its exit code are its own; Windows can only wait."""
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
        print("\nStopped. The same command continues from here.", file=sys.stderr)
        sys.exit(130)

"""A real JupyterLab, started by `run.py lab` on a copy of the repository, and a real browser that
looks at it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lessons import ROOT

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
# a headless browser as root, that asks nobody outside for anything
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {  # every cell in the page, also those out of sight
    "notebook-extension/tracker": {"windowingMode": "none"},
}
FAILED = ".jp-OutputArea .ansi-red-fg"  # a traceback
ALL_RUN = """failed => { if (document.querySelector(failed)) return true;
             const p = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]
                .map(e => e.textContent.trim());  // a collapsed input has a placeholder instead
             return p.length > 0 && p.every(t => /^\\[\\d+\\]:$/.test(t)); }"""


def copy_of_the_course(to: Path) -> Path:
    """What git tracks or would track, in a folder of its own, with the use of this installation."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    borrow_installation(to)
    return to


def borrow_installation(to: Path) -> None:
    """A .venv that run.py takes for complete, and that finds its packages and JupyterLab's files in
    the running one.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", to / ".venv"], check=True)
    for name in ("share", "etc"):
        shutil.rmtree(to / ".venv" / name, ignore_errors=True)
        os.symlink(Path(sys.prefix) / name, to / ".venv" / name, target_is_directory=True)
    packages = next((to / ".venv").glob("lib/python*/site-packages"))
    (packages / "borrowed.pth").write_text(
        f"{to}\nimport site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    note = (
        "import json; from course_utils.platform.installation import fingerprint;"
        " print(json.dumps({'fingerprint': fingerprint(), 'commands': ['lab', 'test']}))"
    )
    ready = subprocess.run(
        [sys.executable, "-c", note], cwd=to, check=True, capture_output=True, text=True
    ).stdout
    (packages / "course-ready.json").write_text(ready)


@contextmanager
def lab(folder: Path, config: Path) -> Iterator[str]:
    """Start `run.py lab` in a folder; yields the address, token included. Stops the server and its
    kernels at the end.
    """
    for name, settings in SETTINGS.items():
        path = config / f"lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    token = secrets.token_hex(16)
    env = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTERLAB_SETTINGS_DIR": str(config / "lab/user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(config / "ws"),
        "JUPYTER_RUNTIME_DIR": str(config / "run"),
        "COURSE_PROFILE": "smoke",
    }
    env.pop("PYTEST_VERSION", None)
    command = [
        sys.executable,
        "run.py",
        "lab",
        "--",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--IdentityProvider.token={token}",
    ]
    with open(config / "server.log", "w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield _address(server, port, token, config / "server.log")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


def _address(server: subprocess.Popen, port: int, token: str, log: Path) -> str:
    deadline = time.time() + 120
    while time.time() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=2)
            return f"http://127.0.0.1:{port}{{}}?token={token}"
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("JupyterLab did not start:\n" + log.read_text())


class Page:
    """A notebook open in the browser."""

    def __init__(self, page, address: str):
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on(
            "console", lambda m: self.errors.append(m.text[:300]) if m.type == "error" else None
        )
        page.on("pageerror", lambda e: self.errors.append(str(e)[:300]))
        page.on(
            "request",
            lambda r: (
                self.outside.append(r.url)
                if re.match(r"https?://(?!127\.0\.0\.1)", r.url)
                else None
            ),
        )

    def open(self, path: str, kernel: bool = True) -> None:
        self.page.goto(
            self.address.format(f"/lab/tree/{path}") + "&reset", wait_until="domcontentloaded"
        )
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
        # the notebook's own indicator says idle before a kernel exists; the status bar does not
        if kernel:
            self.page.locator(".jp-StatusBar-Widget").get_by_text("| Idle").first.wait_for(
                timeout=120_000
            )

    def run_all(self) -> None:
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(ALL_RUN, arg=FAILED, timeout=240_000)
        self.idle()
        errors = self.page.locator(FAILED)
        assert not errors.count(), errors.first.evaluate(
            "e => e.closest('.jp-OutputArea').innerText"
        )[-1500:]

    def idle(self) -> None:
        self.page.wait_for_selector(
            '.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=120_000
        )

    def cell(self, text: str):
        """The code cell whose input has this text."""
        return self.page.locator(
            ".jp-CodeCell", has=self.page.locator(".jp-InputArea-editor", has_text=text)
        ).first

    def write_and_run(self, text: str, source: str) -> None:
        """Replace a cell's source, and run it."""
        editor = self.cell(text).locator(".cm-content")
        editor.scroll_into_view_if_needed()
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Control+Enter")
        self.idle()

    def run(self, text: str) -> str:
        """Run a cell as it is; what it shows."""
        self.cell(text).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_timeout(300)
        self.idle()
        self.page.wait_for_timeout(300)
        return self.cell(text).locator(".jp-OutputArea").inner_text()


@contextmanager
def browser(width: int = 1366, height: int = 768) -> Iterator:
    """A headless Chromium page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium.new_page(viewport={"width": width, "height": height})
        chromium.close()

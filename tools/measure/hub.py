"""Several people on one JupyterHub at once.

Starts a hub on this machine (nobody else can reach it), logs in USERS people, gives each a server
and a kernel of their own, and runs lesson NN, solved, to its end for all of them at the same time.
What came out goes to tools/measure/hub.json. Needs `pip install -e ".[hub]"` and
`npm install -g configurable-http-proxy`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tools.build import ROOT, solved_path
from tools.measure import recorded
from tools.run_lesson import lessons

FILE = Path("tools/measure/hub.json")
USERS = 10
PATIENCE = 900  # seconds that any one step may take
CONFIG = """
c = get_config()  # noqa
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home/{{username}}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Spawner.ip = "127.0.0.1"
c.Spawner.args = ["--allow-root"]
c.Spawner.http_timeout = c.Spawner.start_timeout = {patience}
c.Spawner.env_keep = ["PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]
c.Spawner.environment = {{
    "OMP_NUM_THREADS": "1", "COURSE_PROFILE": "{profile}", "JUPYTER_PATH": "{share}",
}}
c.JupyterHub.services = [{{"name": "benchmark", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{
    "name": "benchmark", "services": ["benchmark"],
    "scopes": ["admin:users", "admin:servers", "access:servers", "list:users"],
}}]
"""


def free_ports(count: int) -> list[int]:
    import socket

    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def hub(folder: Path, profile: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A running hub: its address, and the header that opens it."""
    token, (port, inner, proxy) = secrets.token_hex(), free_ports(3)
    share = os.pathsep.join(
        [str(Path(sys.prefix) / "share/jupyter"), os.environ.get("JUPYTER_PATH", "")]
    )
    (folder / "config.py").write_text(
        CONFIG.format(
            port=port,
            hub=inner,
            proxy=proxy,
            folder=folder,
            token=token,
            share=share,
            profile=profile,
            patience=PATIENCE,
        ),
        encoding="utf-8",
    )
    with open(folder / "hub.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(folder / "config.py")],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}", {"Authorization": f"token {token}"}
    finally:
        process.terminate()
        process.wait(60)


def wait(until: Any, what: str) -> None:
    """Until a condition holds. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.5)


def is_up(address: str) -> bool:
    import requests

    with suppress(requests.RequestException):
        return requests.get(f"{address}/hub/api", timeout=5).ok
    return False


def learner(
    name: str, address: str, head: dict[str, str], cells: list[str], start: threading.Barrier
) -> dict:
    """One person: a server, a kernel, every cell. -> seconds of each step, and how many cells
    failed.
    """
    import requests

    began = time.monotonic()
    user = f"{address}/hub/api/users/{name}"
    requests.post(user, headers=head, timeout=PATIENCE).raise_for_status()
    requests.post(f"{user}/server", headers=head, timeout=PATIENCE).raise_for_status()
    wait(
        lambda: (
            requests.get(user, headers=head, timeout=60)
            .json()
            .get("servers", {})
            .get("", {})
            .get("ready")
        ),
        "a server",
    )
    spawned = time.monotonic()
    start.wait(PATIENCE)
    at_once = time.monotonic()
    kernel = requests.post(
        f"{address}/user/{name}/api/kernels",
        headers=head,
        json={"name": "python3"},
        timeout=PATIENCE,
    )
    errors = run_cells(
        f"{address}/user/{name}/api/kernels/{kernel.json()['id']}/channels", head, cells
    )
    return {"server": spawned - began, "lesson": time.monotonic() - at_once, "errors": errors}


def run_cells(channels: str, head: dict[str, str], cells: list[str]) -> list[str]:
    """Run every cell in a kernel; the errors that came."""
    import websocket

    socket = websocket.create_connection(
        channels.replace("http", "ws", 1),
        timeout=PATIENCE,
        header=[f"{key}: {value}" for key, value in head.items()],
    )
    errors: list[str] = []
    session = uuid.uuid4().hex
    for code in cells:
        header = {
            "msg_id": uuid.uuid4().hex,
            "username": "",
            "session": session,
            "msg_type": "execute_request",
            "date": "",
            "version": "5.3",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        socket.send(
            json.dumps(
                {
                    "header": header,
                    "parent_header": {},
                    "metadata": {},
                    "content": content,
                    "channel": "shell",
                    "buffers": [],
                }
            )
        )
        errors += replies(socket, header["msg_id"])
    socket.close()
    return errors


def replies(socket: Any, asked: str) -> Iterator[str]:
    """The errors among the messages that answer a request, until it is done."""
    while True:
        raw = socket.recv()
        message = json.loads(raw) if isinstance(raw, str) else {}
        if message.get("parent_header", {}).get("msg_id") == asked:
            if message["msg_type"] == "error":
                yield f"{message['content']['ename']}: {message['content']['evalue'][:200]}"
            if message["msg_type"] == "execute_reply":
                return


def memory(name: str) -> list[float]:
    """Proportional megabytes (shared pages divided) of every process started from here whose
    command line has this name.
    """
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(name in word for word in process.cmdline()):
                found.append(process.memory_full_info().pss / 2**20)
    return found


def measure(number: str, users: int, profile: str) -> dict:
    import nbformat

    solved = solved_path(ROOT, lessons(ROOT, number)[0])
    cells = [
        cell.source
        for cell in nbformat.read(solved, as_version=4).cells
        if cell.cell_type == "code"
    ]
    start, told = threading.Barrier(users), {}
    with tempfile.TemporaryDirectory() as folder, hub(Path(folder), profile) as (address, head):
        wait(lambda: is_up(address), "the hub")
        people = [
            threading.Thread(
                target=lambda name: told.update({name: learner(name, address, head, cells, start)}),
                args=(f"user{i:02d}",),
                daemon=True,
            )
            for i in range(users)
        ]
        for person in people:
            person.start()
        for person in people:
            person.join(PATIENCE)
        kernels, servers = memory("ipykernel_launcher"), memory("jupyterhub-singleuser")
    return summary(solved.stem, users, profile, list(told.values()), kernels, servers)


def summary(
    stem: str,
    users: int,
    profile: str,
    told: list[dict],
    kernels: list[float],
    servers: list[float],
) -> dict:
    errors = [error for each in told for error in each["errors"]]
    middle = {
        step: round(statistics.median(each[step] for each in told)) if told else None
        for step in ("server", "lesson")
    }
    return {
        "lesson": stem,
        "profile": profile,
        "users": users,
        "finished": len(told),
        "errors": errors,
        "cores": os.cpu_count(),
        "seconds_to_a_server": middle["server"],
        "seconds_for_the_lesson": middle["lesson"],
        "kernel_mb": round(statistics.mean(kernels)) if kernels else None,
        "server_mb": round(statistics.mean(servers)) if servers else None,
    }


def stale(root: Path) -> list[str]:
    """The first lesson, if the one that was measured does not exist."""
    stems = [source.stem for source in lessons(root)]
    return [] if recorded(root / FILE).get("lesson") in stems else [stems[0][:2]]


def main(which: str = "", users: int = USERS, profile: str = "cpu") -> int:
    lacking = [
        tool
        for tool in ("jupyterhub", "configurable-http-proxy", "jupyterhub-singleuser")
        if not shutil.which(tool)
    ]
    if lacking:
        print(
            f"{', '.join(lacking)} missing: see the first lines of tools/measure/hub.py",
            file=sys.stderr,
        )
        return 2
    result = measure(which or "01", users, profile)
    (ROOT / FILE).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return int(result["finished"] < users or bool(result["errors"]))

"""What Codespaces and VS Code start from. Nobody has started it: these tests see to it that it uses
fields that its schema has, and commands and files of the course that exist.
"""

import ast
import json
import re
from importlib import import_module

from tests.lessons import ROOT

SETTINGS = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
COMMAND = (str, list, dict)
# from schemas/devContainer.base.schema.json of https://github.com/devcontainers/spec
FIELDS = {
    "name": str,
    "image": str,
    "features": dict,
    "forwardPorts": list,
    "portsAttributes": dict,
    "containerEnv": dict,
    "remoteEnv": dict,
    "remoteUser": str,
    "onCreateCommand": COMMAND,
    "updateContentCommand": COMMAND,
    "postCreateCommand": COMMAND,
    "postStartCommand": COMMAND,
    "postAttachCommand": COMMAND,
    "waitFor": str,
    "hostRequirements": dict,
    "customizations": dict,
}
STEPS = ["onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand"]


def test_every_field_is_one_of_the_schema_and_has_its_type():
    assert {"name", "image"} <= SETTINGS.keys() <= FIELDS.keys()
    assert all(isinstance(value, FIELDS[name]) for name, value in SETTINGS.items())
    needs = SETTINGS["hostRequirements"]
    assert needs.keys() <= {"cpus", "memory", "storage", "gpu"} and isinstance(needs["cpus"], int)
    assert all(re.fullmatch(r"\d+([tgmk]b)?", needs[name]) for name in ("memory", "storage"))
    assert all(isinstance(value, str) for value in SETTINGS["remoteEnv"].values())
    assert SETTINGS["waitFor"] in STEPS


def test_its_commands_are_the_courses_own():
    install, fill = SETTINGS["updateContentCommand"], SETTINGS["postCreateCommand"]
    [wanted, call] = ast.parse(install[2]).body
    assert install[:2] == ["python", "-c"] and ast.unparse(call) == "install('lab')"
    assert hasattr(import_module(wanted.module), wanted.names[0].name)
    assert fill[:2] == [".venv/bin/python", "-m"] and hasattr(import_module(fill[2]), "main")


def test_it_ends_in_the_first_screen_with_the_learners_progress():
    assert SETTINGS["waitFor"] == "postCreateCommand", "which makes the file that is opened"
    assert SETTINGS["customizations"]["codespaces"]["openFiles"] == ["my/index.ipynb"]
    folder = "${containerWorkspaceFolder}/"
    assert SETTINGS["remoteEnv"]["COURSE_PROGRESS"] == f"{folder}my/.progress.json"
    settings = SETTINGS["remoteEnv"]["JUPYTER_CONFIG_PATH"].removeprefix(folder)
    assert (ROOT / settings / "labconfig").is_dir()


def test_the_readme_says_that_nobody_has_started_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"Codespaces[^.|]*\|[^|]*\|[^|]*not been tried", readme)

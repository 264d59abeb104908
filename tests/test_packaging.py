"""pyproject.toml, constraints.txt, environment.yml and run.py agree; the licenses are there."""

import os
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import run

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LEARNER = [Requirement(line) for line in PROJECT["dependencies"]]
# not installed by the tests, so only what it names is looked at
SITE = [Requirement(line) for line in EXTRAS["site"]]
TESTED = LEARNER + [
    Requirement(line) for extra in ("test", "data", "grading") for line in EXTRAS[extra]
]
# other systems and NVIDIA cards bring these
ELSEWHERE = ("appnope", "colorama", "pywin", "cuda-", "nvidia-", "triton")
CONDA_NAMES = {"pytorch": "torch"}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "every line is name==version"
    return {canonicalize_name(name): version for name, version in pairs}


def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "requirement", [r for r in TESTED + SITE if r.name != PROJECT["name"]], ids=str
)
def test_every_requirement_is_pinned_within_its_range(requirement):
    pin = pins().get(canonicalize_name(requirement.name))
    assert pin, f"{requirement.name} is missing in constraints.txt"
    assert requirement.specifier.contains(pin), f"{requirement} does not allow {pin}"
    assert requirement.specifier, f"{requirement.name} has no lower bound"


def test_what_requirements_bring_along_is_pinned_too():
    """Followed through the packages that are installed here; what another system brings along is
    not.
    """
    seen, due = set(), [(r.name, extra) for r in TESTED for extra in ("", *r.extras)]
    while due:
        name, extra = due.pop()
        if name == PROJECT["name"] or (name, extra) in seen:
            continue
        seen.add((name, extra))
        for requirement in map(Requirement, metadata.requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                due += [(requirement.name, asked) for asked in ("", *requirement.extras)]
    missing = {canonicalize_name(name) for name, _ in seen} - set(pins())
    missing = {name for name in missing if not name.startswith(ELSEWHERE)}
    assert not missing, f"constraints.txt lacks {sorted(missing)}"


def test_pins_fit_every_kind_of_computer():
    assert not [
        f"{name}=={version}" for name, version in pins().items() if "+" in version or "@" in version
    ]
    assert PROJECT["name"] not in pins()


def test_extras_name_only_extras_that_exist():
    own = [
        Requirement(line)
        for lines in EXTRAS.values()
        for line in lines
        if line.startswith(PROJECT["name"])
    ]
    assert {extra for requirement in own for extra in requirement.extras} <= set(EXTRAS)


def test_conda_users_get_what_pip_users_get():
    plain = [Requirement(line) for line in conda()["dependencies"] if isinstance(line, str)]
    found = {
        CONDA_NAMES.get(r.name, r.name): str(r.specifier)
        for r in plain
        if r.name not in ("python", "pip")
    }
    assert found == {r.name: str(r.specifier) for r in LEARNER}
    assert {"pip": ["-e ."]} in conda()["dependencies"] and "pip" in conda()["dependencies"]


def test_all_name_the_same_oldest_python():
    oldest = ".".join(map(str, run.MINIMUM))
    assert PROJECT["requires-python"] == f">={oldest}"
    assert f"python>={oldest}" in conda()["dependencies"]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/index.md",
        "docs/glossary.md",
        "docs/workshop/before.md",
        "docs/workshop/hub.md",
    ],
)
def test_all_name_the_same_range_of_pythons(page):
    assert "{}.{} to {}.{}".format(*run.MINIMUM, *run.NEWEST) in (ROOT / page).read_text(
        encoding="utf-8"
    )


def test_run_py_knows_the_pin_of_torch_and_installs_extras_that_exist():
    assert run.installation.pinned("torch") == pins()["torch"]
    for target in run.installation.TARGETS.values():
        assert set(re.findall(r"\w+", target)) <= set(EXTRAS)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("LICENSE", "MIT License"),
        ("LICENSE-CONTENT", "creativecommons.org/licenses/by/4.0/legalcode"),
    ],
)
def test_licenses_are_there_and_packaged(name, says):
    assert says in (ROOT / name).read_text(encoding="utf-8")
    assert name in PROJECT["license-files"]


def test_what_the_commands_make_is_ignored():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/.venv/", "/my/"} <= set(ignored)


def test_ci_ends_in_the_command_of_the_readme():
    script = ROOT / ".ci/run"
    assert script.read_text(encoding="utf-8").rstrip().splitlines()[-1] == "python3 run.py test"
    assert os.name == "nt" or script.stat().st_mode & 0o111

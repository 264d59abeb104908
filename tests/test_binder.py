"""What Binder would build, read by repo2docker itself without Docker, and by hand against the
course's own pins.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import run
from tests.test_packaging import pins
from tools.render import Facts

ROOT = Path(__file__).resolve().parent.parent
BINDER = ROOT / "binder"
MEMORY_MB = 2048  # what mybinder.org is said to allow; the server takes about 120 of them


def lines(name: str) -> list[str]:
    text = (BINDER / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def dockerfile() -> str:
    pytest.importorskip("repo2docker", reason="repo2docker runs on Linux only")
    told = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout + told.stderr


def test_repo2docker_reads_the_folder_as_meant(dockerfile):
    assert "for python=3.11" in dockerfile
    installs = [
        line for line in dockerfile.splitlines() if line.startswith("RUN") and "pip install" in line
    ]
    assert len(installs) == 1 and "binder/requirements.txt" in installs[0], installs
    steps = [
        dockerfile.index(step)
        for step in (
            "COPY --chown=0:0 src/ ",
            installs[0],
            "RUN ./binder/postBuild",
            'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
        )
    ]
    assert steps == sorted(steps), (
        "the course is installed from the repository, so it has to be there first"
    )


def test_the_python_is_one_that_the_course_takes():
    [line] = lines("runtime.txt")
    assert Version(line.removeprefix("python-")) >= Version(".".join(map(str, run.MINIMUM)))


def test_everything_is_pinned_and_torch_is_the_small_build():
    asked = lines("requirements.txt")
    assert f"--extra-index-url {run.installation.CPU_WHEELS}" in asked and "-e ." in asked
    assert f"torch=={pins()['torch']}+cpu" in asked
    constraints = next(line for line in asked if line.startswith("-c ")).removeprefix("-c ")
    assert (BINDER / constraints).resolve() == ROOT / "constraints.txt"
    named = [Requirement(line) for line in asked if not line.startswith("-")]
    assert all(requirement.name in pins() for requirement in named)


def test_what_a_lesson_can_use_beyond_the_course_is_there():
    asked = {
        Requirement(line).name for line in lines("requirements.txt") if not line.startswith("-")
    }
    assert {
        name for about in Facts(ROOT).lessons.values() for name in about.get("packages", [])
    } <= asked


def test_no_other_file_of_the_root_would_be_missed():
    """Where binder/ exists, repo2docker reads nothing else, so what the root would say must be in
    it.
    """
    assert not any(
        (BINDER / name).exists()
        for name in ("environment.yml", "Dockerfile", "setup.py", "Pipfile")
    )


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_can_run(name):
    assert os.access(BINDER / name, os.X_OK)
    subprocess.run(["sh", "-n", str(BINDER / name)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_the_start_passes_its_command_on_with_one_thread_and_a_record(tmp_path):
    told = subprocess.run(
        [
            str(BINDER / "start"),
            "sh",
            "-c",
            'echo "$1 $OMP_NUM_THREADS $COURSE_PROGRESS"',
            "sh",
            "a b",
        ],
        env={**os.environ, "HOME": str(tmp_path), "OMP_NUM_THREADS": "8"},
        text=True,
        capture_output=True,
        check=True,
    )
    assert told.stdout.strip() == f"a b 1 {tmp_path}/.course-progress.json"


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_the_last_step_of_a_build_finds_a_course_that_runs(tmp_path):
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    told = subprocess.run(
        [str(BINDER / "postBuild")],
        env=environment,
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert told.returncode == 0 and "device: " in told.stdout, told.stderr
    broken = subprocess.run(
        [str(BINDER / "postBuild")],
        env={**environment, "COURSE_DEVICE": "none"},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert broken.returncode


def test_the_heaviest_lesson_fits():
    budgets = json.loads((ROOT / "tools/measure/budgets.json").read_text(encoding="utf-8"))
    assert max(budget["peak_mb"] for budget in budgets.values()) <= MEMORY_MB / 2

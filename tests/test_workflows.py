"""GitHub's workflows: they do no more than they need, run the commands of the README, and name
files that exist.
"""

import os
import re
import shutil
import subprocess
import sysconfig

import pytest
import yaml

import run
from tests.lessons import ROOT, STEMS
from tests.test_packaging import EXTRAS
from tools.render import Facts

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
EACH = pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
READ = {"contents": "read"}
WRITES = {
    ("site", "publish"): {"pages": "write", "id-token": "write"},
    ("address", "write"): {"contents": "write"},
}
BASH = pytest.mark.skipif(os.name == "nt", reason="the shell of GitHub's Linux machines")


def workflow(path):
    """YAML reads the key `on` as true."""
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in read.items()}


def steps(path):
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def commands(path):
    return "\n".join(step["run"] for step in steps(path) if "run" in step)


def test_the_five_are_there():
    assert [path.stem for path in FILES] == ["address", "canary", "links", "site", "test"]


@EACH
def test_permissions_are_the_least(path):
    """Reading for all, writing for the job that publishes the site and the one that pushes an
    address.
    """
    read = workflow(path)
    assert read["permissions"] == READ
    for name, job in read["jobs"].items():
        assert job.get("permissions", READ) == WRITES.get((path.stem, name), READ)


def test_the_job_that_publishes_runs_no_code_of_ours():
    job = workflow(ROOT / ".github/workflows/site.yml")["jobs"]["publish"]
    assert not any("run" in step or "checkout" in step.get("uses", "") for step in job["steps"])


def test_only_the_step_that_pushes_has_the_token_and_it_runs_nothing_but_git():
    job = workflow(ROOT / ".github/workflows/address.yml")["jobs"]["write"]
    assert [step for step in job["steps"] if "github.token" in str(step)] == job["steps"][-1:]
    for path in FILES:
        assert path.stem == "address" or "github.token" not in path.read_text(encoding="utf-8")
    words = [line.split()[0] for line in job["steps"][-1]["run"].splitlines()]
    assert set(words) == {"git", "if", "exit", "fi"}


@EACH
def test_nothing_of_a_stranger_reaches_a_shell_and_no_secret_is_used(path):
    text = path.read_text(encoding="utf-8")
    assert "pull_request_target" not in text and "secrets." not in text
    assert set(re.findall(r"\$\{\{ *(\w+)", commands(path))) <= {"matrix"}
    for step in steps(path):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@EACH
def test_actions_are_githubs_own_and_pinned_by_hash_with_their_tag(path):
    for line in re.findall(r"uses: *(.+)", path.read_text(encoding="utf-8")):
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line), line


@EACH
def test_every_job_ends(path):
    assert all(job["timeout-minutes"] <= 120 for job in workflow(path)["jobs"].values())


def test_the_matrix_is_three_systems_with_the_oldest_and_the_newest_python():
    matrix = workflow(ROOT / ".github/workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    oldest, newest = matrix["python"]
    assert oldest == ".".join(map(str, run.MINIMUM)) and newest == ".".join(map(str, run.NEWEST))


QUICK = ("ruff format --check", "ruff check", "codespell", "mypy", "python -m tools --check")


def test_the_matrix_waits_for_what_takes_a_minute():
    jobs = workflow(ROOT / ".github/workflows/test.yml")["jobs"]
    install, *checks = [step["run"] for step in jobs["quick"]["steps"] if "run" in step]
    assert jobs["test"]["needs"] == "quick" and install.startswith("pip install ")
    assert tuple(checks) == QUICK
    tools = {word for line in EXTRAS["test"] for word in re.findall(r"^[\w-]+", line)}
    assert {command.split()[0] for command in QUICK} - {"python"} <= tools


@pytest.mark.parametrize("command", [QUICK[0], QUICK[2]])
def test_form_and_spelling_are_right(command):
    """The linter is run in test_style.py, freshness is seen in test_build.py."""
    name, *options = command.split()
    program = shutil.which(name, path=sysconfig.get_path("scripts"))
    done = subprocess.run([program, *options], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_for_graders_use_the_same_actions_and_keep_no_token():
    tags = dict(step["uses"].split("@") for path in FILES for step in steps(path) if "uses" in step)
    examples = [
        step
        for path in (ROOT / "grading/examples").glob("*.yml")
        for step in steps(path)
        if "uses" in step
    ]
    for step in examples:
        name, tag = step["uses"].split("@")
        assert tag == tags.get(name, tag), step
        assert not name.endswith("checkout") or step["with"]["persist-credentials"] is False
    assert {step["uses"].split("@")[0] for step in examples} & tags.keys()


def test_the_tests_are_started_as_the_readme_says():
    lines = commands(ROOT / ".github/workflows/test.yml").splitlines()
    assert "python run.py test" in lines and "python run.py check" in lines
    assert "python run.py test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_canary_runs_every_week_without_pins_and_on_the_literal_colab_path():
    read = workflow(ROOT / ".github/workflows/canary.yml")
    [entry] = read["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", entry["cron"])
    said = commands(ROOT / ".github/workflows/canary.yml")
    assert "constraints.txt" not in said and "--upgrade" in said
    installs = next(
        step["run"] for step in read["jobs"]["colab"]["steps"] if "pip" in step.get("run", "")
    )
    assert (
        "course" not in installs
        and " ." not in installs
        and "torch" in installs
        and "python tools/colab.py" in said
    )
    assert "COURSE_SOURCE" not in (ROOT / ".github/workflows/canary.yml").read_text(
        encoding="utf-8"
    )


def test_the_notebooks_that_the_canary_opens_will_exist():
    for stem in workflow(ROOT / ".github/workflows/canary.yml")["jobs"]["colab"]["strategy"][
        "matrix"
    ]["notebook"]:
        assert stem in STEMS


def test_the_site_that_is_built_is_the_one_that_is_published():
    built = re.search(r"tools site .*--out (\S+)", commands(ROOT / ".github/workflows/site.yml"))[1]
    uploaded = next(
        step
        for step in steps(ROOT / ".github/workflows/site.yml")
        if "pages-artifact" in step.get("uses", "")
    )
    assert uploaded["with"]["path"] == built
    assert (
        f"{built.split('/')[0]}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    )


@EACH
def test_what_the_commands_name_exists(path):
    said = commands(path)
    for name in re.findall(r"python -m tools[. ](\w[\w-]*)", said):
        place = ROOT / "tools" / name.replace("-", "_")
        assert place.is_dir() or place.with_suffix(".py").exists(), name
    for script in re.findall(r"python ([\w/]+\.py)", said):
        assert (ROOT / script).exists(), script
    for extras in re.findall(r"-e \"?\.\[([\w,]+)\]", said):
        assert set(extras.split(",")) <= set(EXTRAS)


# --- a fork's own address ----------------------------------------------------------------------

ADDRESS = ROOT / ".github/workflows/address.yml"


def bash(step, folder, **settings):
    """Run a step's commands as GitHub does."""
    env = {**os.environ, **settings}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(command, cwd=folder, env=env, check=True)


def test_an_address_is_only_written_on_the_default_branch_and_never_for_a_pull_request():
    read = workflow(ADDRESS)
    assert set(read["on"]) == {"push", "workflow_dispatch"}
    look, write = read["jobs"]["look"], read["jobs"]["write"]
    assert look["if"] == "github.ref_name == github.event.repository.default_branch"
    assert write["needs"] == "look" and write["if"] == "needs.look.outputs.other == 'true'"
    assert 'python -m tools address "https://github.com/$GITHUB_REPOSITORY"' in commands(ADDRESS)


def test_no_workflow_spells_an_address():
    """A workflow's token may not change workflows, so a push with one among them is refused."""
    mine = Facts(ROOT).repository.removeprefix("https://github.com/")
    assert not [path.name for path in FILES if mine in path.read_text(encoding="utf-8")]


@BASH
@pytest.mark.parametrize("longer", ["", "-2"])
def test_nothing_is_written_where_the_address_is_that_of_the_repository(tmp_path, longer):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    mine = Facts(ROOT).repository.removeprefix("https://github.com/")
    [step] = [step for step in workflow(ADDRESS)["jobs"]["look"]["steps"] if "run" in step]
    bash(step, tmp_path, GITHUB_REPOSITORY=mine + longer, GITHUB_OUTPUT="output")
    other = "true" if longer else "false"
    assert (tmp_path / "output").read_text(encoding="utf-8") == f"other={other}\n"


@BASH
@pytest.mark.parametrize("changed", [True, False])
def test_a_new_address_is_pushed_in_one_commit_and_nothing_else_is(tmp_path, changed):
    hub, clone = tmp_path / "hub.git", tmp_path / "clone"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", hub], check=True)
    subprocess.run(["git", "clone", "-q", hub, clone], check=True, capture_output=True)
    (clone / "README.md").write_text("old\n", encoding="utf-8")
    author = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for command in (
        ["add", "."],
        [*author, "commit", "-qm", "first"],
        ["push", "-q", hub, "HEAD:main"],
    ):
        subprocess.run(["git", *command], cwd=clone, check=True)
    (clone / "README.md").write_text("new\n" if changed else "old\n", encoding="utf-8")
    (clone / "untracked").touch()
    bash(
        workflow(ADDRESS)["jobs"]["write"]["steps"][-1],
        clone,
        TOKEN="secret",
        GITHUB_REPOSITORY="me/course",
        GITHUB_REF_NAME="main",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{hub}.insteadOf",
        GIT_CONFIG_VALUE_0="https://x-access-token:secret@github.com/me/course",
    )
    log = ["git", "log", "--name-only", "--format=%s", "main"]
    pushed = subprocess.run(log, cwd=hub, capture_output=True, text=True, check=True).stdout
    subject = "Spell this repository's address in every link\n\nREADME.md\n"
    assert pushed == changed * subject + "first\n\nREADME.md\n"

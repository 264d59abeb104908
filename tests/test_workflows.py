"""GitHub's workflows: they do no more than they need, run the commands of the README, and name
files that exist.
"""

import re

import pytest
import yaml

import run
from tests.lessons import ROOT, STEMS
from tests.test_packaging import EXTRAS

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
EACH = pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
READ = {"contents": "read"}
WRITES = {("site", "publish"): {"pages": "write", "id-token": "write"}}


def workflow(path):
    """YAML reads the key `on` as true."""
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in read.items()}


def steps(path):
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def commands(path):
    return "\n".join(step["run"] for step in steps(path) if "run" in step)


def test_the_four_are_there():
    assert [path.stem for path in FILES] == ["canary", "links", "site", "test"]


@EACH
def test_permissions_are_the_least(path):
    """Reading for all, writing to Pages for the one job that does; and no job that checks out code
    may write.
    """
    read = workflow(path)
    assert read["permissions"] == READ
    for name, job in read["jobs"].items():
        assert job.get("permissions", READ) == WRITES.get((path.stem, name), READ)
        if (path.stem, name) in WRITES:
            assert not any(
                "run" in step or "checkout" in step.get("uses", "") for step in job["steps"]
            )


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
    [job] = workflow(ROOT / ".github/workflows/test.yml")["jobs"].values()
    matrix = job["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    oldest, newest = matrix["python"]
    assert oldest == ".".join(map(str, run.MINIMUM)) and newest == ".".join(map(str, run.NEWEST))


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

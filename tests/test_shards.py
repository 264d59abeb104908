"""What graders on many machines are told to run is what the grader understands."""

import os
import shlex
import subprocess
from pathlib import Path

import yaml

from grading.__main__ import parsed

EXAMPLES = Path(__file__).parents[1] / "grading/examples"

PYTHON = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
[ "$3" = merge ] || exit 3  # some files could not be graded
"""
SBATCH = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do case $1 in --array=*) last=${1##*-};; esac; shift; done
export SLURM_JOB_ID=7
if [ -n "${last:-}" ]; then
    for part in $(seq "$last"); do SLURM_ARRAY_TASK_ID=$part bash "$@" || exit 1; done
else
    bash "$@" || exit 1
fi
echo "7;cluster"
"""


def _programs(folder, **texts):
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def _run(folder, command, **more):
    environment = os.environ | {"CALLS": str(folder / "calls")} | more
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=60)
    return [shlex.split(line)[2:] for line in (folder / "calls").read_text().splitlines()]


def _all_parts(calls, out):
    *parts, merge = calls
    runs = [parsed(part) for part in parts]
    assert [run.shard for run in runs] == [(part, 8) for part in range(1, 9)]
    assert [run.out for run in runs] == [out / f"part-{part}" for part in range(1, 9)]
    assert {(run.seed, run.jobs) for run in runs} == {(5, 4)}
    assert merge[0] == "merge" and Path(merge[-1]) == out / "all" and merge[-2] == "--out"
    return merge[1:-2]


def test_a_slurm_array_grades_every_part_and_joins_them_last(tmp_path):
    for folder in (".venv/bin", "class", "grades"):
        (tmp_path / folder).mkdir(parents=True)
    for part in range(1, 9):
        (tmp_path / f"grades/part-{part}").mkdir()
    _programs(tmp_path / ".venv/bin", python=PYTHON)
    _programs(tmp_path, sbatch=SBATCH)
    calls = _run(
        tmp_path,
        ["bash", str(EXAMPLES / "slurm.sh"), "class", "grades", "5"],
        PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        SLURM_JOB_ID="",
    )
    parts = _all_parts(calls, tmp_path / "grades")
    assert [Path(part).name for part in parts] == [f"part-{part}" for part in range(1, 9)]


def test_an_indexed_job_of_kubernetes_grades_every_part(tmp_path):
    text = (EXAMPLES / "kubernetes.yaml").read_text()
    grade, merge = (job["spec"] for job in yaml.safe_load_all(text))
    _programs(tmp_path, python=PYTHON)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    for index in range(grade["completions"]):
        _run(tmp_path, _command(grade), PATH=path, JOB_COMPLETION_INDEX=str(index))
    calls = _run(tmp_path, _command(merge), PATH=path)
    assert _all_parts(calls, Path("/class")) == ["/class/part-*"]


def _command(job):
    container = job["template"]["spec"]["containers"][0]
    return [*container["command"], *container["args"]]

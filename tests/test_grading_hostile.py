"""Every attack on the grader: no undeserved point, no lost point, nothing reached, nothing left."""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grading import sandbox
from grading.course import ROOT
from tests import grading as t
from tests.hostile import attacks

ATTACKS = {
    f"{module}.{name}": (name, source)
    for module in ("crash", "forge", "read", "touch")
    for name, source in attacks(module).items()
}
LESSON = t.LESSONS["01"]
TARGET, *OTHERS, LAST = LESSON.tasks  # the last answer of a notebook stays honest
FULL = {task.id: "pass" for task in LESSON.tasks}
SECONDS = 180  # of processor time, for a submission of three attacks


def as_answer(name, source):
    return t.with_answer(t.solved("01"), TARGET, f"{source}\n\n{TARGET.name} = {name}")


def together():
    """The attacks in as few notebooks as hold them: one in each answer but the last, which is
    judged when all have done their work. What needs the parameters of the first exercise is there.
    """
    anywhere = [label for label, (_, source) in ATTACKS.items() if "(*args):" in source]
    first = [label for label in ATTACKS if label not in anywhere]
    while first or anywhere:
        labels = [(first or anywhere).pop(0), *anywhere[: len(OTHERS)]]
        del anywhere[: len(OTHERS)]
        notebook = t.solved("01")
        for task, label in zip([TARGET, *OTHERS], labels, strict=False):
            name, source = ATTACKS[label]
            notebook = t.with_answer(notebook, task, f"{source}\n\n{task.name} = {name}")
        yield f"{' and '.join(labels)}.answers", notebook


def as_cell(name, source):
    return t.with_cell(t.solved("01"), f"{source}\n\n{name}()")


def above_the_answer(name, source):
    """The attack runs while the cell of a right answer is run: only that exercise may suffer."""
    return t.with_answer(
        t.solved("01"), TARGET, f"{source}\n\nresult = {name}(1.0, 0.0, 1.0)\n\n{TARGET.solution}"
    )


def honest():
    """Neighbors: one all right, one with a known mistake, one blank."""
    wrong = t.with_answer(
        t.solved("01"),
        TARGET,
        TARGET.solution.replace("0.5", "0.25").replace("2 * ", "3 * ")
        + f"\n\n{TARGET.name} = lambda x, mu, var: 0.0",
    )
    return {"honest/full": t.solved("01"), "honest/wrong": wrong, "honest/blank": t.blank("01")}


def grade(tmp_path, books, **options):
    """Grade hostile books among honest ones, with a server that nobody may reach; returns verdicts
    and results.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        results = t.run(t.write(tmp_path / "s", books | honest()), tmp_path / "o", **options)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert results["faults"] == [] and sandbox.settle()
    time.sleep(0.2)
    assert t.leftovers() == []
    assert left_files() == []
    return t.statuses(results), results


def left_files():
    """Files outside the boxes that belong to one of their users, or bear a name that an attack
    gives.
    """
    found = []
    for path in (entry for folder in ("/tmp", "/dev/shm") for entry in Path(folder).iterdir()):
        try:
            owner = path.lstat().st_uid
        except OSError:
            continue
        if owner in sandbox.UIDS or path.name in (
            "pickled",
            "left",
            "large",
            "numpy.py",
            "f0",
            "box",
        ):
            found.append(path)
    return found


def wrong_answers(found):
    """What differs from what is due: 0 for the attacked exercise, full marks for the others."""
    due = {
        name: FULL
        | ({TARGET.id: "no point"} if name.endswith(".answer") else {})
        | (dict.fromkeys(FULL, "no point") | {LAST.id: "pass"} if name.endswith(".answers") else {})
        for name in found
    }
    due |= {
        "honest/wrong": FULL | {TARGET.id: "no point"},
        "honest/blank": dict.fromkeys(FULL, "no point"),
    }
    seen = {
        name: {
            key: status if status == "pass" else "no point" for key, status in by_exercise.items()
        }
        for name, by_exercise in found.items()
    }
    seen = {
        name: by_exercise | ({TARGET.id: FULL[TARGET.id]} if name.endswith(".above") else {})
        for name, by_exercise in seen.items()
    }
    return {name: by_exercise for name, by_exercise in seen.items() if by_exercise != due[name]}


def neighbors(results):
    return {
        r["submission"]: r["verdicts"] for r in results["submissions"] if r["student"] == "honest"
    }


def test_there_are_at_least_a_hundred():
    assert len(ATTACKS) >= 100


@t.needs_sandbox
@pytest.mark.parametrize("third", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_no_attack_inside_an_answer_gains_or_harms(tmp_path, third):
    """All in three parts; an extra cell, below, holds every attack by default."""
    found, results = grade(tmp_path, dict([*together()][third::3]))
    assert wrong_answers(found) == {}
    alone = t.run(t.write(tmp_path / "h", honest()), tmp_path / "ho", jobs=1)
    assert neighbors(results) == neighbors(alone)
    slow = {r["submission"]: r["seconds"] for r in results["submissions"] if r["seconds"] > SECONDS}
    assert slow == {}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\nprocessor seconds of {len(found)} notebooks:"
        f" {sum(r['seconds'] for r in results['submissions']):.0f}; memory of the trusted process:"
        f" {memory:.0f} MB"
    )


@t.needs_sandbox
def test_no_attack_in_an_extra_cell_gains_or_harms(tmp_path):
    everything = t.solved("01")
    for attack in ATTACKS.values():
        everything = t.with_cell(everything, f"{attack[1]}\n\n{attack[0]}()")
    found, _ = grade(tmp_path, {"all of them": everything})
    assert wrong_answers(found) == {}


@pytest.mark.slow
@t.needs_sandbox
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "place", [as_answer, as_cell, above_the_answer], ids=["answer", "cell", "above"]
)
def test_every_attack_in_every_place_serial_and_in_parallel(tmp_path, place, jobs):
    suffix = {as_answer: "answer", as_cell: "cell", above_the_answer: "above"}[place]
    books = {f"{label}.{suffix}": place(*attack) for label, attack in ATTACKS.items()}
    found, results = grade(tmp_path, books, jobs=jobs)
    assert wrong_answers(found) == {}
    alone = t.run(t.write(tmp_path / "h", honest()), tmp_path / "ho", jobs=1)
    assert neighbors(results) == neighbors(alone)


@pytest.mark.slow
@t.needs_sandbox
def test_an_attack_on_torch_touches_no_other_exercise(tmp_path):
    lesson = t.LESSONS["04"]
    target = lesson.tasks[0]
    build = {task.id: task.blank for task in lesson.tasks if task.exercise.is_build}
    books = {}
    for n, line in enumerate(
        [
            "torch.exp = None",
            "torch.Tensor.__add__ = torch.Tensor.__mul__",
            "torch.set_num_threads(64)",
            "torch.set_default_dtype(torch.float16)",
            "torch.set_grad_enabled(False)",
            "torch.autograd.grad = lambda *a, **k: [torch.ones(4, 2)] * 2",
            "torch.use_deterministic_algorithms(True)",
            "torch.linspace = None",
            "torch.set_default_device('meta')",
            "torch.manual_seed = None",
            "torch.multiprocessing.Process(target=print).start()",
        ]
    ):
        source = f"import torch\ndef {target.name}(mu, logvar, eps):\n    {line}\n    return mu"
        books[f"{n}"] = t.answers(lesson, {target.id: source} | build)
    found = t.statuses(t.run(t.write(tmp_path / "s", books), tmp_path / "o"))
    due = {
        task.id: "fail" if task is target else "unanswered" if task.id in build else "pass"
        for task in lesson.tasks
    }
    assert {name: s for name, s in found.items() if s != due} == {}


# The memory of this process alone (`ru_maxrss` keeps that of the process that started it): what it
# takes beside PyTorch, and what PyTorch takes when it is imported.
MEASURED = """import json, sys, time
def memory(field):
    [kB] = [line.split()[1] for line in open("/proc/self/status") if line.startswith(field)]
    return int(kB) / 1024
import torch
before = memory("VmRSS")
from grading.__main__ import main
status = main(sys.argv[1:])
print(json.dumps([status, time.process_time(), memory("VmHWM") - before, before]))"""


@pytest.mark.slow
@t.needs_sandbox
def test_three_hundred_honest_submissions(tmp_path):
    """Reports processor seconds; the bar is ten minutes on two idle cores, so 4 seconds each."""
    number = os.environ.get("GRADING_LESSON", "04")
    solved = json.dumps(t.solved(number))
    place = t.write(
        tmp_path / "s",
        {f"s{n:03}": json.loads(solved) | {"metadata": {"n": n}} for n in range(300)},
    )
    line = [sys.executable, "-c", MEASURED, str(place), "--out", str(tmp_path / "o"), "--jobs", "2"]
    start = time.monotonic()
    said = subprocess.run(
        line, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
    status, own, memory, before = json.loads(said[-1])
    results = json.loads((tmp_path / "o/results.json").read_text(encoding="utf-8"))
    boxes = sum(r["seconds"] for r in results["submissions"])
    print(
        f"\nlesson {number}: {time.monotonic() - start:.0f} s by the clock,"
        f" {(boxes + own) / 300:.2f} processor seconds each, {own / 300:.3f} of them trusted;"
        f" {memory:.0f} MB beside the {before:.0f} of PyTorch"
    )
    assert status == 0 and all(set(s.values()) == {"pass"} for s in t.statuses(results).values())
    assert (boxes + own) / 2 < 600 and before + memory < 300

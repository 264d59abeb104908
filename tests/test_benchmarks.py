"""Measurements. Of training: clock, flops, rows on a tiny budget, missing numbers. Of checks and
the grader: what is counted.
"""

import json
import math
import time

import pytest
import torch
from torch import nn

from course_utils import data
from course_utils.checks import Outcome
from tests.lessons import NUMBERS as LESSONS
from tests.lessons import ROOT
from tools.measure import checks, grading, training
from tools.measure import numbers as measured_numbers
from tools.measure.recipes import PictureFiles
from tools.measurements_page import page

NUMBERS = {"neg_elbo": 104.0, "fd": 20.0, "precision": 0.8, "recall": 0.5, "control": 0.95}


def a_row(name, **changes):
    task, variant = name.split("/")
    row = {
        "task": task,
        "variant": variant,
        "cpu_seconds": 50.0,
        "peak_mb": 500.0,
        "flops_share": 0.3,
        "seconds_to": {training.REACHED: 3.0} if task == "vae" else {},
        "metrics": {key: NUMBERS[key] for key in training.ROWS[name].must},
    }
    return row | changes


@pytest.fixture
def rows():
    return [a_row(name) for name in training.ROWS]


def burn(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


def test_the_clock_counts_training_and_not_what_happens_between():
    def train():
        for _ in range(3):
            burn(0.05)
            yield

    seconds = []
    for so_far, _ in training.clocked(train()):
        seconds.append(so_far)
        burn(0.2)
    assert seconds[-1] == pytest.approx(0.15, abs=0.04) and seconds == sorted(seconds)


def test_flops_are_those_counted_by_hand():
    """Linear, B x I to B x O: 2 B I O forward, as many for the weights' gradient, none for the
    data's.
    """

    def train():
        net = nn.Linear(30, 7)
        while True:
            net(torch.rand(5, 30)).sum().backward()
            yield

    assert training.flops_of(train()) == 2 * (2 * 5 * 30 * 7)


def test_the_speed_of_the_machine_is_operations_over_the_best_time(monkeypatch):
    ticks = iter([0.0, 5.0, 7.0, 9.0])  # the first try takes five seconds, the second two
    monkeypatch.setattr(training.time, "process_time", lambda: next(ticks))
    assert training.multiply_speed(n=10, tries=2) == pytest.approx(10 * 2 * 10**3 / 2)


def test_the_loader_of_the_recipe_hands_out_the_same_digits():
    digits = data.mnist()
    files = PictureFiles(digits.x_train.flatten(1), digits.y_train)
    picture, label = files[17]
    assert len(files) == 4000 and label == digits.y_train[17]
    assert torch.allclose(picture, digits.x_train[17], atol=1e-6)


@pytest.mark.parametrize("name", training.ROWS)
def test_every_row_has_what_it_must_after_the_shortest_training(name):
    row = training.measure(name, enough=lambda seconds, seen, reached: True)
    row["seconds_to"] = {key: 1.0 for key in row["seconds_to"]}  # nobody gets there so soon
    json.dumps(row)
    assert set(row) == set(a_row(name)) and set(row["metrics"]) == set(training.ROWS[name].must)
    assert not [gap for gap in training.missing([row]) if gap.startswith(name)]
    assert 0 < row["flops_share"] < 1.5 and row["peak_mb"] > 50 and row["cpu_seconds"] > 0


def test_the_bound_is_that_of_the_formula_and_looking_leaves_the_random_numbers_alone():
    x = torch.rand(6, 784, generator=torch.Generator().manual_seed(0))
    mu, logvar = torch.full((6, 2), 0.5), torch.full((6, 2), math.log(0.25))
    model = training.Model(
        draw=lambda labels: torch.rand(len(labels), 784),
        encode=lambda x, labels: (mu, logvar),
        decode=lambda z, labels: torch.zeros(6, 784),
    )
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    nats = training.neg_elbo(model, x, torch.zeros(6))
    training.quality(model, x.repeat(2, 1), torch.zeros(6))
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(0.5, 0.5), torch.distributions.Normal(0.0, 1.0)
    )
    assert nats == pytest.approx(784 * math.log(2) + 2 * kl.item(), rel=1e-5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_nothing_is_missing_from_a_complete_result(rows):
    assert training.missing(rows) == [] and len(training.bars(rows)) == 9


@pytest.mark.parametrize("name", training.ROWS)
def test_every_row_is_mandatory(rows, name):
    rest = [row for row in rows if f"{row['task']}/{row['variant']}" != name]
    assert training.missing(rest) == [f"{name}: the whole row"]


def test_a_value_that_is_absent_or_no_number_is_missing(rows):
    rows[0]["seconds_to"][training.REACHED] = None
    rows[2]["metrics"]["fd"] = float("nan")
    del rows[5]["metrics"]["control"]
    assert training.missing(rows) == [
        f"vae/ours: {training.REACHED}",
        "gan/ours: fd",
        "cgan/ours: control",
    ]


def test_the_bars_are_judged(rows):
    rows[1]["seconds_to"][training.REACHED] = 17.0
    rows[2]["metrics"] |= {"fd": 9.0, "recall": 0.85}
    rows[3]["metrics"]["fd"] = 17.0
    missed = [bar for bar, reached in training.bars(rows).items() if not reached]
    assert len(missed) == 2 and "6 times" in missed[0] and "half" in missed[1]


@pytest.mark.parametrize("peer", ["gan/recipe", "gan/small DCGAN", "gan/dense recipe"])
def test_a_better_gan_and_a_poor_recall_are_noticed(rows, peer):
    gan, other = (rows[list(training.ROWS).index(name)] for name in ("gan/ours", peer))
    gan["metrics"] |= {"fd": 9.0, "recall": 0.79}
    other["metrics"]["fd"] = 8.9
    missed = " ".join(bar for bar, reached in training.bars(rows).items() if not reached)
    assert "every other GAN" in missed and "recall at least" in missed


def test_the_command_prints_a_table_keeps_the_rows_and_fails_when_one_is_missing(
    rows, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(training, "FILE", tmp_path / "rows.json")
    monkeypatch.setattr(training, "alone", lambda name: a_row(name))
    assert training.main() == 0
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
    printed = capsys.readouterr().out
    # the made-up recipe is as good as ours
    assert "cgan/ours" in printed and "-ELBO" in printed and "MISSED" in printed
    monkeypatch.setattr(
        training, "alone", lambda name: None if name == "gan/recipe" else a_row(name)
    )
    assert training.main() == 1 and "gan/recipe: the whole row" in capsys.readouterr().err


def test_the_shipped_result_is_complete():
    rows = json.loads((ROOT / training.FILE).read_text(encoding="utf-8"))
    assert training.missing(rows) == []


# --- checks, and the grader -----------------------------------------------------------------------


def test_a_check_is_timed_once_and_again_and_a_build_task_once(monkeypatch):
    asked, now = [], iter(range(100))
    monkeypatch.setattr(
        checks, "evaluate", lambda exercise_id, answer: asked.append(exercise_id) or Outcome("pass")
    )
    monkeypatch.setattr(checks.time, "process_time", lambda: float(next(now)))
    assert checks.cost(checks.exercises(4)["4.1"]) == {
        "id": "4.1",
        "name": "reparameterize",
        "first": 1.0,
        "again": 1.0,
    }
    assert checks.cost(checks.exercises(4)["4.5"])["again"] is None
    assert asked.count("4.1") == 1 + checks.AGAIN and asked.count("4.5") == 1


def test_a_right_answer_that_does_not_pass_is_no_measurement(monkeypatch):
    monkeypatch.setattr(checks, "evaluate", lambda exercise_id, answer: Outcome("fail", "a hint"))
    with pytest.raises(RuntimeError, match="1.1.*a hint"):
        checks.measure("01")


def test_every_exercise_has_been_timed():
    timed = json.loads((ROOT / checks.FILE).read_text(encoding="utf-8"))
    assert sorted(timed) == LESSONS
    for number, rows in timed.items():
        known = checks.exercises(int(number))
        assert {row["id"]: row["name"] for row in rows} == {e.id: e.name for e in known.values()}
        assert all(
            row["first"] > 0 and (row["again"] is None) == known[row["id"]].is_build for row in rows
        )


def test_everybody_hands_in_a_file_of_their_own(tmp_path):
    files = sorted(grading.class_of(3, "01", tmp_path).glob("*.ipynb"))
    books = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert len({file.read_bytes() for file in files}) == len(books) == 3
    assert all(book["cells"][:-1] == books[0]["cells"][:-1] for book in books)


def graded(status, seconds):
    return {"verdicts": [{"status": "pass"}, {"status": status}], "seconds": seconds}


def test_the_grader_is_summed_up_and_a_notebook_that_scores_less_is_an_error(monkeypatch, tmp_path):
    results = [graded("pass", 1.0), graded("fail", 5.0), graded("pass", 2.0)]
    row = grading.summary({"seconds": 3.25, "peak_mb": 300.4}, results)
    assert row == {
        "notebooks": 3,
        "full": 2,
        "boxed": 2.0,
        "boxed_most": 5.0,
        "trusted": 3.2,
        "trusted_mb": 300,
    }
    monkeypatch.setattr(grading, "FILE", tmp_path / "grading.json")
    monkeypatch.setattr(grading.sandbox, "missing", lambda: "")
    monkeypatch.setattr(grading, "measure", lambda number, users: row | {"full": 3})
    assert grading.main("04", 3) == 0
    monkeypatch.setattr(grading, "measure", lambda number, users: row)
    assert grading.main("05", 3) == 1
    assert json.loads((tmp_path / "grading.json").read_text(encoding="utf-8")) == {
        "04": row | {"full": 3},
        "05": row,
    }


def test_the_grader_was_timed_on_every_lesson_and_all_scored_full():
    rows = json.loads((ROOT / grading.FILE).read_text(encoding="utf-8"))
    assert sorted(rows) == LESSONS and all(row["full"] == row["notebooks"] for row in rows.values())


def test_the_page_tells_what_checks_grader_and_hub_cost():
    text = page(ROOT)
    for title, command in (
        ("What a check costs", "checks"),
        ("How fast the grader works", "grading"),
        ("Many people on one machine", "hub 01 --users 10"),
    ):
        part = text[text.index(f"## {title}") :]
        assert f"`python -m tools measure {command}" in part[: part.index("\n## ")]
    assert "None" not in text


def test_a_range_holds_what_was_seen_and_a_margin_but_nothing_impossible():
    entry = measured_numbers.entry(
        [0.8, 0.9, 1.0], {"label": "a share", "most": 1}, range(3), "9.9"
    )
    assert (entry["low"], entry["value"], entry["high"], entry["label"]) == (
        pytest.approx(0.6),
        0.9,
        1,
        "a share",
    )
    assert "kind" not in entry
    same = measured_numbers.entry([2.0, 2.0], {}, range(2), "9.9")
    assert same["kind"] == "exact" and (same["low"], same["high"]) == (1.99, 2.01)
    free = measured_numbers.entry([1.0, 2.0], {}, range(2), "9.9")
    assert (free["low"], free["high"]) == (0.0, 3.0) and "most" not in free
    kept = json.loads((ROOT / measured_numbers.FILE).read_text(encoding="utf-8"))
    assert all(number["high"] <= number.get("most", number["high"]) for number in kept.values())

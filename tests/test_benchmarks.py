"""The training benchmark: its clock, its flops, its rows on a tiny budget, and what it does when a number is missing."""
import json
import math
import time

import pytest
import torch
from torch import nn

from benchmarks import training
from benchmarks.recipes import PictureFiles
from course_utils import data

NUMBERS = {"neg_elbo": 104.0, "fd": 20.0, "precision": 0.8, "recall": 0.5, "control": 0.95}


def a_row(name, **changes):
    task, variant = name.split("/")
    row = {"task": task, "variant": variant, "cpu_seconds": 50.0, "peak_mb": 500.0, "flops_share": 0.3,
           "seconds_to": {training.REACHED: 3.0} if task == "vae" else {},
           "metrics": {key: NUMBERS[key] for key in training.ROWS[name].must}}
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
    """Linear, B x I to B x O: 2 B I O forward, as many for the weights' gradient, none for the data's."""
    def train():
        net = nn.Linear(30, 7)
        while True:
            net(torch.rand(5, 30)).sum().backward()
            yield

    assert training.flops_of(train()) == 2 * (2 * 5 * 30 * 7)


def test_the_machine_multiplies_at_a_believable_speed():
    assert 1e8 < training.multiply_speed(n=64, tries=3) < 1e13


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
    model = training.Model(draw=lambda labels: torch.rand(len(labels), 784), encode=lambda x, labels: (mu, logvar),
                           decode=lambda z, labels: torch.zeros(6, 784))
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    nats = training.neg_elbo(model, x, torch.zeros(6))
    training.quality(model, x.repeat(2, 1), torch.zeros(6))
    kl = torch.distributions.kl_divergence(torch.distributions.Normal(0.5, 0.5), torch.distributions.Normal(0.0, 1.0))
    assert nats == pytest.approx(784 * math.log(2) + 2 * kl.item(), rel=1e-5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_nothing_is_missing_from_a_complete_result(rows):
    assert training.missing(rows) == [] and len(training.bars(rows)) == 6


@pytest.mark.parametrize("name", training.ROWS)
def test_every_row_is_mandatory(rows, name):
    rest = [row for row in rows if f"{row['task']}/{row['variant']}" != name]
    assert training.missing(rest) == [f"{name}: the whole row"]


def test_a_value_that_is_absent_or_no_number_is_missing(rows):
    rows[0]["seconds_to"][training.REACHED] = None
    rows[2]["metrics"]["fd"] = float("nan")
    del rows[5]["metrics"]["control"]
    assert training.missing(rows) == [f"vae/ours: {training.REACHED}", "gan/ours: fd", "cgan/ours: control"]


def test_the_bars_are_judged(rows):
    rows[1]["seconds_to"][training.REACHED] = 17.0
    rows[3]["metrics"]["fd"] = 39.0
    missed = [bar for bar, reached in training.bars(rows).items() if not reached]
    assert len(missed) == 2 and "6 times" in missed[0] and "half" in missed[1]


def test_the_command_prints_a_table_keeps_the_rows_and_fails_when_one_is_missing(rows, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "alone", lambda name: a_row(name))
    assert training.main(str(tmp_path / "rows.json")) == 0
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
    printed = capsys.readouterr().out
    assert "cgan/ours" in printed and "-ELBO" in printed and "MISSED" in printed  # the made-up recipe is as good as ours
    monkeypatch.setattr(training, "alone", lambda name: None if name == "gan/recipe" else a_row(name))
    assert training.main() == 1 and "gan/recipe: the whole row" in capsys.readouterr().err


def test_the_shipped_result_is_complete():
    rows = json.loads((training.ROOT / "benchmarks/training.json").read_text(encoding="utf-8"))
    assert training.missing(rows) == []

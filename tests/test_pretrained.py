"""The shipped generators: they run on NumPy alone, are good, and do not copy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from course_utils import data, pretrained
from course_utils.data import bundled

LARGEST = 250_000  # bytes of one weights file


@pytest.fixture(scope="module")
def real():
    return data.mnist(seed=0, numpy=True)


@pytest.fixture(scope="module")
def drawn():
    return pretrained.digits(1000, np.random.default_rng(7))


@pytest.fixture(scope="module")
def sung():
    return [
        pretrained.chorale(4, np.random.default_rng(seed), with_onsets=True) for seed in range(60)
    ]


def test_numpy_is_enough():
    code = (
        "import sys, numpy as np; from course_utils import pretrained as p; rng ="
        " np.random.default_rng(0);p.digits(8, rng); p.chorale(2, rng); print(sorted({'torch',"
        " 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


@pytest.mark.parametrize("name", ["weights_digits", "weights_chorale"])
def test_weights_are_small_and_safe(name):
    path = bundled.FILES / f"{name}.npz"
    assert path.stat().st_size <= LARGEST
    with np.load(path, allow_pickle=False) as archive:
        assert {archive[key].dtype for key in archive.files if key != "report"} == {
            np.dtype(np.float16)
        }
        assert all(np.isfinite(archive[key]).all() for key in archive.files if key != "report")
    with pytest.raises(ValueError):
        next(iter(pretrained.load(name).values()))[...] = 0  # shared, hence read-only


# ---------------------------------------------------------------- digits


def test_digits_are_pictures_and_depend_on_the_generator_alone(drawn):
    assert drawn.shape == (1000, 28, 28) and drawn.dtype == np.float32
    assert drawn.min() >= 0 and drawn.max() <= 1
    np.random.seed(1)
    assert np.array_equal(pretrained.digits(1000, np.random.default_rng(7)), drawn)
    assert not np.array_equal(pretrained.digits(5, np.random.default_rng(8)), drawn[:5])
    assert pretrained.digits(0, np.random.default_rng(0)).shape == (0, 28, 28)


def test_digits_look_like_digits(drawn, real):
    from sklearn.linear_model import LogisticRegression

    judge = LogisticRegression(C=0.1, max_iter=200).fit(real.x_train.reshape(-1, 784), real.y_train)
    sure = {
        name: judge.predict_proba(pictures.reshape(-1, 784)).max(axis=1)
        for name, pictures in {
            "drawn": drawn,
            "real": real.x_test,
            "mean": np.broadcast_to(real.x_train.mean(axis=0), (1, 28, 28)),
        }.items()
    }
    assert np.median(sure["drawn"]) > np.median(sure["real"]) - 0.03
    assert sure["mean"].max() < np.median(sure["drawn"]) - 0.2
    shares = np.bincount(judge.predict(drawn.reshape(-1, 784)), minlength=10) / len(drawn)
    assert shares.min() > 0.06 and shares.max() < 0.15


def test_neighbors_of_digits_agree(drawn, real):
    from sklearn.neighbors import KNeighborsClassifier

    judge = KNeighborsClassifier(5).fit(real.x_train.reshape(-1, 784), real.y_train)
    agree, agree_real = (
        judge.predict_proba(each.reshape(-1, 784)).max(axis=1) for each in (drawn, real.x_test)
    )
    assert agree.mean() > agree_real.mean() - 0.03


def test_digits_are_crisp(drawn, real):
    gray, real_gray = (((each > 0.1) & (each < 0.9)).mean() for each in (drawn, real.x_test))
    assert gray < 1.15 * real_gray


def nearest(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each picture to the nearest of the others, (N,)."""
    a, b = pictures.reshape(len(pictures), -1), others.reshape(len(others), -1)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.sqrt(squares.min(axis=1).clip(0))


def test_digits_are_no_copies_and_no_repetitions(drawn, real):
    ours, theirs = nearest(drawn, real.x_train), nearest(real.x_test, real.x_train)
    assert np.median(ours) > 0.9 * np.median(theirs)
    assert np.quantile(ours, 0.05) > 0.8 * np.quantile(theirs, 0.05)
    assert np.median(nearest(drawn[:500], drawn[500:])) > 0.8 * np.median(
        nearest(real.x_test[:500], real.x_test[500:])
    )


@pytest.mark.parametrize("n, temperature", [(-1, 1.0), (3, -0.1)])
def test_digits_refuse_nonsense(n, temperature):
    with pytest.raises(ValueError, match="digits needs"):
        pretrained.digits(n, np.random.default_rng(0), temperature)


# ---------------------------------------------------------------- chorale


@pytest.mark.parametrize("bars", [1, 2, 3, 4, 7])
def test_chorale_has_the_asked_length_and_depends_on_the_generator_alone(bars):
    notes, onsets = pretrained.chorale(bars, np.random.default_rng(5), with_onsets=True)
    assert notes.shape == onsets.shape == (16 * bars, 4)
    assert np.issubdtype(notes.dtype, np.integer) and onsets.dtype == bool
    np.random.seed(1)
    assert np.array_equal(pretrained.chorale(bars, np.random.default_rng(5)), notes)
    assert not np.array_equal(pretrained.chorale(bars, np.random.default_rng(6)), notes)


def test_voices_stay_in_range_and_start_together(sung):
    for notes, onsets in sung:
        assert (notes >= pretrained.RANGES[:, 0]).all() and (notes <= pretrained.RANGES[:, 1]).all()
        assert onsets[0].all()
        changed = notes[1:] != notes[:-1]
        assert onsets[1:][changed].all()


def test_chorales_end_on_a_triad_over_its_root(sung):
    for notes, _ in sung:
        above = {int(pitch) % 12 for pitch in notes[-1] - notes[-1, 3]}
        assert above in ({0, 4}, {0, 3}, {0, 4, 7}, {0, 3, 7})


def held_out() -> list[np.ndarray]:
    """Four-bar stretches, in eighths, of chorales on tunes the singer has not seen."""
    from tools.data.train_chorale import halves

    return [
        song.notes[start : start + 32]
        for song in halves()[1]
        for start in song.starts
        if start + 32 <= len(song.notes)
    ]


def test_chorales_measure_like_bach(sung):
    from tools.data import chorale_measures as measures

    ours = [notes[::2] for notes, _ in sung]
    real = held_out()
    rng = np.random.default_rng(0)
    shuffled = [rng.permuted(notes, axis=0) for notes in real]

    def mean(measure, songs):
        return np.mean([measure(notes) for notes in songs])

    assert mean(measures.in_key, ours) > mean(measures.in_key, real) - 0.04
    assert mean(measures.dissonance, ours) < 1.3 * mean(measures.dissonance, real)
    assert mean(measures.dissonance, shuffled) > 2 * mean(measures.dissonance, ours)
    assert mean(measures.triads, ours) > mean(measures.triads, real) - 0.08
    assert mean(measures.parallels, ours) < 0.035
    assert mean(measures.crossings, ours) < 0.03


def test_chorales_move_in_quarters_and_eighths(sung):
    lengths = [
        np.diff(np.flatnonzero(np.r_[onsets[:, voice], True]))
        for _, onsets in sung
        for voice in range(4)
    ]
    lengths = np.concatenate(lengths)
    assert np.isin(lengths, [2, 4]).mean() > 0.75 and 0.2 < (lengths == 2).mean() < 0.6


def test_chorales_copy_no_more_than_bach_repeats_himself(sung):
    from tools.data import chorale_measures as measures
    from tools.data.train_chorale import halves

    source = [song.notes for song in halves()[0]]
    rng = np.random.default_rng(0)
    real = held_out()
    real = [real[index] for index in rng.choice(len(real), 30, replace=False)]
    for voices, most in ((slice(0, 1), 32), (slice(0, 4), 16)):
        ours = measures.longest_copies([notes[::2] for notes, _ in sung[:30]], source, voices)
        theirs = measures.longest_copies(real, source, voices)
        assert np.mean(ours) < 1.25 * np.mean(theirs) + 1 and max(ours) < most


@pytest.mark.parametrize("bars, temperature", [(0, 0.7), (2, 0.0)])
def test_chorale_refuses_nonsense(bars, temperature):
    with pytest.raises(ValueError, match="chorale needs"):
        pretrained.chorale(bars, np.random.default_rng(0), temperature)


def test_the_singer_and_its_training_agree():
    torch = pytest.importorskip("torch")
    from tools.data.train_chorale import Singer, named_parameters

    model = Singer().eval()
    weights = pretrained.load("weights_chorale")
    with torch.no_grad():
        for name, parameter in named_parameters(model).items():
            parameter.copy_(torch.tensor(weights[name]))
        plan = pretrained.conditions(pretrained.phrase_ends(3), 6, 1, 0.25)
        notes, onsets, likelihood = pretrained.sing(plan, 0.7, np.random.default_rng(0), weights)
        known = torch.tensor(np.broadcast_to(plan, (len(notes), *plan.shape)).copy())
        # the first step must strike
        losses = model(torch.tensor(notes), torch.tensor(onsets), known).sum(dim=-1)[:, 1:]
    surprise = -likelihood * len(plan) - losses.sum(dim=1).numpy()
    # what the first four notes cost, and nothing else
    assert surprise.min() > 0 and surprise.max() < 25


def test_missing_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "FILES", tmp_path)
    with pytest.raises(FileNotFoundError, match="weights_nothing.npz"):
        pretrained.load("weights_nothing")

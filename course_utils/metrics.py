"""How good are generated pictures? Distances between two samples of them, not between pairs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


def frechet(a: Any, b: Any) -> float:
    """Fréchet distance between two clouds of points, (N, d) and (M, d), each described by its mean
    and covariance.

    |mean_a - mean_b|² + trace(A + B - 2 (A B)^½), covariances with ddof 1; 0 for equal clouds.
    Unit: squared units of the points. Source: Dowson & Landau 1982; on network features Heusel et
    al. 2017, section 2.
    """
    from scipy import linalg

    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)  # (d, d) each
    # symmetric, so its square root is real
    root_a = linalg.sqrtm(cov_a + 1e-9 * np.eye(len(cov_a))).real
    # trace of (A B)^½
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root_a @ cov_b @ root_a), 0, None)).sum()
    return float(
        ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    )


def digit8_features(x: Any) -> np.ndarray:
    """What a small classifier of 8x8 digits sees in black-and-white pictures. (N, 64) of
    0/1 -> (N, 64)
    """
    import torch

    with torch.no_grad():
        return _digit8_classifier()[:2](torch.as_tensor(x, device="cpu").double()).numpy()


def frechet_digits8(x: Any) -> float:
    """Fréchet distance of black-and-white 8x8 pictures (N, 64) to the held-out digits, in the
    features of a classifier.
    """
    from course_utils import data

    real = (data.digits8().x_test.flatten(1) > 0.5).float()  # (797, 64)
    return frechet(digit8_features(x), digit8_features(real))


def digit_features(x: Any) -> np.ndarray:
    """What the shipped classifier sees in gray 28x28 digits. (N, 1, 28, 28) or (N, 784) in [0,
    1] -> (N, 64) float64
    """
    return features_of(_shipped_classifier(), x)


def read_digits(x: Any) -> np.ndarray:
    """Which digits the shipped classifier reads. (N, 1, 28, 28) or (N, 784) in [0, 1] -> (N,) int64

    It reads 97 to 98 of 100 held-out digits right; see card("weights_classifier") in
    course_utils.data.
    """
    import torch

    with torch.no_grad():
        return _shipped_classifier()[1](torch.tensor(digit_features(x)).float()).argmax(1).numpy()


def frechet_digits(x: Any) -> float:
    """Fréchet distance of gray 28x28 digits to the 1,000 held-out ones, in the features of the
    shipped classifier.

    x (N, 1, 28, 28) or (N, 784) in [0, 1], N some hundreds at least. Unit: squared features,
    comparable with nothing but itself. Raises ValueError for values outside [0, 1].
    """
    return frechet(digit_features(x), _held_out_features())


def precision_recall(real: Any, fake: Any, k: int = 3) -> tuple[float, float]:
    """How many fakes lie where real points are, and how many real points lie where fakes are:
    (precision, recall).

    real (N, d), fake (M, d) features; k < min(N, M). A point lies in a sample's region if it
    is at most as far from some member as that member is from its k-th nearest neighbor there.
    Source: Kynkäänniemi et al. 2019, section 2.
    """
    from scipy.spatial.distance import cdist

    real, fake = np.asarray(real, dtype=float), np.asarray(fake, dtype=float)
    between = cdist(fake, real)  # (M, N)
    radius_real, radius_fake = _radius(real, k), _radius(fake, k)
    return float((between <= radius_real).any(1).mean()), float(
        (between <= radius_fake[:, None]).any(0).mean()
    )


def coverage(real: Any, fake: Any, k: int = 5) -> float:
    """Share of real points, 0 to 1, that have a fake at most as far away as their k-th nearest real
    neighbor.

    real (N, d), fake (M, d) features; k < N. A fake far away from everything buys nothing here, as
    it can with recall. Two large samples of one kind and size reach about 1 - 2^-k, not 1. No
    randomness. Source: Naeem et al. 2020, section 3.
    """
    return float((nearest_distance(real, fake) <= _radius(np.asarray(real, dtype=float), k)).mean())


def _radius(sample: np.ndarray, k: int) -> np.ndarray:
    """How far each point's k-th nearest neighbor is. (N, d) -> (N,)"""
    from scipy.spatial.distance import cdist

    return np.sort(cdist(sample, sample), axis=1)[:, k]  # [:, 0] is itself


def control(pictures: Any, wanted: Any) -> float:
    """Share of pictures, 0 to 1, in which `read_digits` reads the digit that was ordered.

    pictures (N, 1, 28, 28) or (N, 784) in [0, 1], wanted (N,) digits. No randomness. The reader
    errs too: real digits with their own labels reach 0.97 to 0.98, and a picture that fools the
    reader counts. The conditional accuracy of lesson 07.
    """
    import torch

    return float((read_digits(pictures) == torch.as_tensor(wanted, device="cpu").numpy()).mean())


def tstr(train_x: Any, train_y: Any, test_x: Any, test_y: Any) -> float:
    """Train on synthetic, test on real: share of real rows, 0 to 1, that a classifier of the
    synthetic table gets right.

    train_x (N, d), train_y (N,) synthetic, with at least two classes; test_x (M, d), test_y (M,)
    real. Logistic regression on columns scaled by the synthetic table. No randomness. Source:
    Esteban, Hyland & Rätsch 2017; lesson 10.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(
        np.asarray(train_x), np.asarray(train_y)
    )
    return float(model.score(np.asarray(test_x), np.asarray(test_y)))


def nearest_distance(x: Any, among: Any) -> np.ndarray:
    """How far each picture is from the most similar one of another set, pixel by pixel. (N, ...),
    (M, ...) -> (N,)
    """
    from scipy.spatial.distance import cdist

    x, among = (np.asarray(part, dtype=float).reshape(len(part), -1) for part in (x, among))
    return cdist(x, among).min(axis=1)


def features_of(classifier: Any, x: Any) -> np.ndarray:
    """Features (N, 64) float64 that a `digit_classifier` sees. Raises ValueError for values outside
    [0, 1].
    """
    import torch

    pictures = torch.as_tensor(x, device="cpu").detach().float().reshape(-1, 1, 28, 28)
    if len(pictures) and not (pictures.min() >= 0 and pictures.max() <= 1):
        raise ValueError(
            "pixels must lie between 0 and 1: were logits handed in, or values from -1 to 1?"
        )
    with torch.no_grad():
        return torch.cat([classifier[0](part) for part in pictures.split(1000)]).double().numpy()


def digit_classifier(weights: dict[str, np.ndarray]) -> Any:
    """The classifier with given weights: `[0]` gives 64 features of pictures (B, 1, 28, 28), `[1]`
    ten logits of these.
    """
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):  # no other generator is touched
        features = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 49, 64),
            nn.ReLU(),
        )
        net = nn.Sequential(features, nn.Linear(64, 10))
    net.load_state_dict({name: torch.tensor(value).float() for name, value in weights.items()})
    return net.requires_grad_(False)


@cache
def _shipped_classifier() -> Any:
    from course_utils.data import bundled

    arrays = bundled.arrays("weights_classifier.npz")
    return digit_classifier({name: value for name, value in arrays.items() if name != "report"})


@cache
def _held_out_features() -> np.ndarray:
    from course_utils import data

    return digit_features(data.mnist().x_test)


@cache
def _digit8_classifier() -> Any:
    """64 pixels -> 64 ReLU features -> 10 classes, trained on the 1,000 training digits in about a
    second.

    The same every time, in double precision so that it is the same on every machine too; no other
    generator is touched.
    """
    import torch

    from course_utils import data

    digits = data.digits8()
    x, y = (digits.x_train.flatten(1) > 0.5).double(), digits.y_train
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
        ).double()
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-4)
        for _ in range(300):
            loss = torch.nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.requires_grad_(False)

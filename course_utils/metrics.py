"""How good are generated pictures? Distances between two crowds of them, not between pairs."""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


def frechet(a: Any, b: Any) -> float:
    """Fréchet distance between two clouds of points, (N, d) and (M, d), each described by its mean and covariance.

    |mean_a - mean_b|² + trace(A + B - 2 (A B)^½), covariances with ddof 1; 0 for equal clouds. Unit: squared units of
    the points. Source: Dowson & Landau 1982; on network features Heusel et al. 2017, section 2.
    """
    from scipy import linalg
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)  # (d, d) each
    root_a = linalg.sqrtm(cov_a + 1e-9 * np.eye(len(cov_a))).real  # symmetric, so its square root is real
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root_a @ cov_b @ root_a), 0, None)).sum()  # trace of (A B)^½
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def digit8_features(x: Any) -> np.ndarray:
    """What a small classifier of 8x8 digits sees in black-and-white pictures. (N, 64) of 0/1 -> (N, 64)"""
    import torch
    with torch.no_grad():
        return _digit8_classifier()[:2](torch.as_tensor(x, device="cpu").double()).numpy()


def frechet_digits8(x: Any) -> float:
    """Fréchet distance of black-and-white 8x8 pictures (N, 64) to the held-out digits, in the features of a classifier."""
    from course_utils import data
    real = (data.digits8().x_test.flatten(1) > 0.5).float()  # (797, 64)
    return frechet(digit8_features(x), digit8_features(real))


@cache
def _digit8_classifier() -> Any:
    """64 pixels -> 64 ReLU features -> 10 classes, trained on the 1,000 training digits in about a second.

    The same every time, in double precision so that it is the same on every machine too; no other generator is touched.
    """
    import torch
    from course_utils import data
    digits = data.digits8()
    x, y = (digits.x_train.flatten(1) > 0.5).double(), digits.y_train
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)).double()
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-4)
        for _ in range(300):
            loss = torch.nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.requires_grad_(False)

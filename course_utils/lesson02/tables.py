"""Probabilities of ink by what the neighbors of a pixel show: counted, looked up, sampled.

All neighbors come before their pixel in reading order. Pictures are (N, 28, 28) arrays of 0 and 1,
tables (2^k, 28, 28): one probability per pattern and pixel.
"""

from __future__ import annotations

import numpy as np

# rows down and columns to the right of the pixel, nearest first (rows plus columns away)
ROWS = (0, -1, -1, -1, 0, -2, -1, -1, -2, -2, 0, -3)
COLUMNS = (-1, 0, -1, 1, -2, 0, 2, -2, -1, 1, -3, 0)
NEIGHBORS = list(zip(ROWS, COLUMNS, strict=True))
MARGIN = 3  # of paper around a picture


def patterns(x: np.ndarray, k: int) -> np.ndarray:
    """Which pattern the first k neighbors of each pixel show, from 0 to 2^k - 1. -> (N, 28, 28)"""
    framed = np.pad(x.astype(int), ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    shown = np.zeros(x.shape, dtype=int)
    for bit, (row, column) in enumerate(NEIGHBORS[:k]):
        top, left = MARGIN + row, MARGIN + column
        shown += framed[:, top : top + 28, left : left + 28] << bit
    return shown


def count(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each pixel saw each pattern, and how often it was ink then. -> two (2^k, 28, 28)"""
    place = np.arange(784).reshape(28, 28)
    index = (patterns(x, k) * 784 + place).ravel()  # (N * 784,)
    seen = np.bincount(index, minlength=2**k * 784)
    inked = np.bincount(index, weights=x.ravel(), minlength=2**k * 784)
    return seen.reshape(-1, 28, 28), inked.reshape(-1, 28, 28)


def probabilities(x: np.ndarray, theta: np.ndarray, k: int) -> np.ndarray:
    """The probability of ink at every pixel, given its neighbors. -> (N, 28, 28)"""
    row, column = np.indices((28, 28))
    return theta[patterns(x, k), row, column]


def sample(theta: np.ndarray, k: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n pictures, pixel by pixel in reading order. -> (n, 28, 28)"""
    x = np.zeros((n, 28 + 2 * MARGIN, 28 + 2 * MARGIN), dtype=int)
    for r in range(28):
        for c in range(28):
            pattern = np.zeros(n, dtype=int)
            for bit, (row, column) in enumerate(NEIGHBORS[:k]):
                pattern += x[:, MARGIN + r + row, MARGIN + c + column] << bit
            x[:, MARGIN + r, MARGIN + c] = rng.random(n) < theta[pattern, r, c]
    return x[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def surroundings(x: np.ndarray) -> dict[str, np.ndarray]:
    """Pixels by what the four already read around them show. -> name -> (N, 28, 28) of bool"""
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    read = np.stack([framed[:, 1 + r : 29 + r, 1 + c : 29 + c] for r, c in NEIGHBORS[:4]])
    agree, like = read.max(0) == read.min(0), read[0] == x
    return {
        "four alike, and this pixel too": agree & like,
        "the four differ": ~agree,
        "four alike, but not this pixel": agree & ~like,
    }

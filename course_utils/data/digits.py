"""Handwritten digits, and the garments that look like them to a program."""

from __future__ import annotations

import gzip
from functools import cache

import numpy as np

from . import bundled, download, packaged
from .splits import Split, stratified_split

MNIST_TRAIN, DIGITS8_TRAIN = 4000, 1000


def mnist(seed: int = 0, *, numpy: bool = False, online: bool = False) -> Split:
    """Handwritten digits 28x28, ink 1 on paper 0: 4,000 to learn from and 1,000 to test on, all
    classes equally often.

    Images float32 (N, 1, 28, 28) in [0, 1] and labels int64 (N,) as torch tensors; with
    `numpy=True` images float64 (N, 28, 28) without torch. The split and its order depend on `seed`
    alone. With `online=True` the whole of MNIST, 60,000 and 10,000 as published: downloaded once,
    verified by SHA-256 after the download and on every use, kept in the folder that COURSE_CACHE
    names or ~/.cache/generative-ai-course; `seed` then only orders the training half. Raises
    download.DownloadError, which says what to do, when neither cache nor network has it. Source:
    LeCun, Cortes and Burges, the MNIST database; see card("mnist5k").
    """
    if online:
        split = official_split(download.MNIST, seed)
    else:
        content = bundled.arrays("mnist5k.npz")
        split = make_split(content["images"], content["labels"], MNIST_TRAIN, seed, 255)
    return split if numpy else split.tensors()


def fashion(seed: int = 0, *, numpy: bool = False, online: bool = True) -> Split:
    """Garments 28x28 in ten classes, 60,000 and 10,000, shaped, verified and kept like
    `mnist(online=True)`.

    Not bundled: raises ValueError for online=False, and download.DownloadError when neither cache
    nor network has it. Source: Xiao, Rasul and Vollgraf 2017, Fashion-MNIST (MIT license).
    """
    if not online:
        raise ValueError(
            "Fashion-MNIST does not come with the course: call fashion(online=True), "
            "or mnist(), which needs no network."
        )
    split = official_split(download.FASHION, seed)
    return split if numpy else split.tensors()


def digits8(seed: int = 0, *, numpy: bool = False) -> Split:
    """Handwritten digits 8x8 from scikit-learn: 1,000 to learn from, 797 to test on, each class
    with its share.

    Images float32 (N, 1, 8, 8) in [0, 1] and labels int64 (N,) as torch tensors; with `numpy=True`
    images float64 (N, 8, 8) without torch. The split and its order depend on `seed` alone. See
    card("digits8").
    """
    images, labels = sklearn_digits()
    split = make_split(images, labels, DIGITS8_TRAIN, seed, 16)
    return split if numpy else split.tensors()


@cache
def sklearn_digits() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 images (N, 8, 8) float64 with values 0 to 16, and labels (N,) int64; read-only.

    Reads the file of sklearn.datasets.load_digits without importing scikit-learn, which takes
    seconds.
    """
    with gzip.open(packaged.find("sklearn", "datasets/data/digits.csv.gz"), "rt") as lines:
        table = np.loadtxt(lines, delimiter=",")
    images, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels


def make_split(
    images: np.ndarray, labels: np.ndarray, n_train: int, seed: int, white: int
) -> Split[np.ndarray]:
    """A stratified split of images with values 0 to `white`, scaled to [0, 1]; fresh arrays."""
    train, test = stratified_split(labels, n_train, seed)
    return Split(
        images[train] / float(white),
        labels[train].astype(np.int64),
        images[test] / float(white),
        labels[test].astype(np.int64),
    )


def official_split(source: download.Source, seed: int) -> Split[np.ndarray]:
    """The published halves of a downloaded set, float64 in [0, 1]; the training half in an order
    set by the seed.
    """
    x_train, y_train, x_test, y_test = (
        download.read_idx(path) for path in download.fetch_all(source)
    )
    order = np.random.default_rng(seed).permutation(len(x_train))
    return Split(
        x_train[order] / 255.0,
        y_train[order].astype(np.int64),
        x_test / 255.0,
        y_test.astype(np.int64),
    )

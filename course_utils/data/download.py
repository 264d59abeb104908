"""Larger data from the network, for those who ask for it. Nothing is used whose SHA-256 is not the
expected one.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import urllib.request
from pathlib import Path
from typing import NamedTuple

import numpy as np

TIMEOUT = 30  # seconds without an answer


class DownloadError(OSError):
    """A file could be had neither from the cache nor from any mirror; the message says why and what
    to do.
    """


class Source(NamedTuple):
    """A data set in the four files of MNIST."""

    title: str
    folder: str
    mirrors: tuple[str, ...]  # addresses of a folder, tried in this order
    hashes: dict[str, str]  # file name -> SHA-256, in the order x_train, y_train, x_test, y_test


MNIST = Source(
    "MNIST",
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
)
FASHION = Source(
    "Fashion-MNIST",
    "fashion",
    (
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
)


def cache_folder() -> Path:
    """Where downloads are stored: what COURSE_CACHE names, else ~/.cache/generative-ai-course."""
    return Path(os.environ.get("COURSE_CACHE") or Path.home() / ".cache" / "generative-ai-course")


def fetch_all(source: Source) -> list[Path]:
    """The files of a source, from the cache where their hash is right, else from the network."""
    return [fetch(source, name) for name in source.hashes]


def fetch(source: Source, name: str) -> Path:
    """One verified file. Raises DownloadError if no mirror gives it."""
    path = cache_folder() / source.folder / name
    if path.exists() and digest(path.read_bytes()) == source.hashes[name]:
        return path
    failures = []
    for mirror in source.mirrors:
        try:
            with urllib.request.urlopen(mirror + name, timeout=TIMEOUT) as answer:
                data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{mirror}: {error}")
            continue
        if digest(data) == source.hashes[name]:
            return keep(data, path)
        failures.append(
            f"{mirror}: the file is damaged or not the expected one (SHA-256 {digest(data)[:12]}…)"
        )
    raise DownloadError(
        f"{source.title} could not be downloaded ({name}). Tried:\n  "
        + "\n  ".join(failures)
        + "\nWithout a network use mnist(), whose 5,000 digits come with the course; or set"
        f" COURSE_CACHE to a folder that holds {source.folder}/{name}."
    )


def keep(data: bytes, path: Path) -> Path:
    """Write a file in one move, so that no half-written one is ever found. Raises DownloadError if
    it cannot.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        raise DownloadError(
            f"Cannot write {path}: {error}. Set COURSE_CACHE to a folder with free space."
        ) from error
    return path


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of bytes, the format of MNIST: uint8 of the shape the header states,
    read-only.
    """
    data = gzip.decompress(path.read_bytes())
    dimensions = data[3]
    shape = np.frombuffer(data, ">u4", dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)

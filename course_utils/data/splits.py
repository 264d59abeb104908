"""Training and test halves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", bound="Tensor | np.ndarray")


class Split(NamedTuple, Generic[Array]):
    """Examples and labels, to learn from and to test on; torch tensors or NumPy arrays."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array

    def tensors(self) -> Split[Tensor]:
        """The same as torch tensors: images (N, H, W) -> float32 (N, 1, H, W), labels -> int64
        (N,).
        """
        import torch

        return Split(
            *(
                (
                    torch.tensor(part, dtype=torch.float32).unsqueeze(1)
                    if part.ndim == 3
                    else torch.tensor(part, dtype=torch.int64)
                )
                for part in self
            )
        )


def stratified_split(labels: np.ndarray, n_train: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffled training and test indices in which each class has its share, to within one example.

    labels (N,) int -> (n_train,), (N - n_train,) int. The same seed gives the same split.
    Raises ValueError unless 0 < n_train < N.
    """
    if not 0 < n_train < len(labels):
        raise ValueError(f"n_train must lie between 1 and {len(labels) - 1}, got {n_train}.")
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    classes, sizes = np.unique(labels, return_counts=True)
    shares = sizes * n_train / len(labels)
    quotas = np.floor(shares).astype(int)
    # the largest remainders
    quotas[np.argsort(quotas - shares, kind="stable")[: n_train - quotas.sum()]] += 1
    members = [shuffled[labels[shuffled] == label] for label in classes]
    train = np.concatenate([group[:quota] for group, quota in zip(members, quotas, strict=True)])
    test = np.concatenate([group[quota:] for group, quota in zip(members, quotas, strict=True)])
    return rng.permutation(train), rng.permutation(test)

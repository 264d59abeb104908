"""Data of the course. Everything but `online=True` works without a network; every loader returns
fresh copies.

Digits come as a `Split` of torch tensors, or of NumPy arrays with `numpy=True`. torch is imported
by the first loader that returns tensors, not by this package.
"""

from .cards import card
from .digits import digits8, fashion, mnist
from .photographs import PHOTOGRAPHS, photo
from .pieces import Chorale, chorale_scores, chorales, molecules
from .splits import Split, stratified_split
from .studies import study

__all__ = [
    "PHOTOGRAPHS",
    "Chorale",
    "Split",
    "card",
    "chorale_scores",
    "chorales",
    "digits8",
    "fashion",
    "mnist",
    "molecules",
    "photo",
    "stratified_split",
    "study",
]

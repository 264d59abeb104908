"""Photographs that come with scikit-image and scikit-learn."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from . import packaged

if TYPE_CHECKING:
    from torch import Tensor

PHOTOGRAPHS = {  # name -> package, path inside it
    "astronaut": ("skimage", "data/astronaut.png"),
    "brick": ("skimage", "data/brick.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "grass": ("skimage", "data/grass.png"),
    "gravel": ("skimage", "data/gravel.png"),
    "hubble_deep_field": ("skimage", "data/hubble_deep_field.jpg"),
    "immunohistochemistry": ("skimage", "data/ihc.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
}


def photo(
    name: str, size: int | tuple[int, int] | None = None, *, numpy: bool = False
) -> Tensor | np.ndarray:
    """A photograph: torch tensor float32 (3, H, W) in [0, 1]; with `numpy=True` float64 (H, W, 3)
    without torch.

    With `size` = (H, W), or one number for a square, the largest centered part of that shape is
    scaled to it. Black and white photographs (brick, grass, gravel) have three equal channels. A
    fresh copy each time. Raises ValueError for an unknown name, which lists the known ones, or a
    size below one pixel. See card("photographs").
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"There is no photograph {name!r}. There are: {', '.join(PHOTOGRAPHS)}.")
    pixels = np.array(
        read(name)
        if size is None
        else read(name, *(size if isinstance(size, tuple) else (size, size)))
    )
    if numpy:
        return pixels / 255.0
    import torch

    return torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1).contiguous() / 255.0


@lru_cache(maxsize=32)
def read(name: str, height: int | None = None, width: int | None = None) -> np.ndarray:
    """The photograph in full, or its largest centered part of the wanted shape scaled to it:
    (H, W, 3) uint8.
    """
    from PIL import Image

    with Image.open(packaged.find(*PHOTOGRAPHS[name])) as file:
        image = file.convert("RGB")
    if height is not None and width is not None:
        if min(height, width) < 1:
            raise ValueError(
                f"A photograph needs at least one pixel each way, got size {height} by {width}."
            )
        scale = min(image.width / width, image.height / height)
        left, top = (image.width - scale * width) / 2, (image.height - scale * height) / 2
        image = image.resize(
            (width, height),
            Image.Resampling.LANCZOS,
            box=(left, top, left + scale * width, top + scale * height),
        )
    pixels = np.array(image)
    pixels.setflags(write=False)
    return pixels

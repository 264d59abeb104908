"""The trained network of neural style transfer, for those who ask for it: VGG-19
(Simonyan & Zisserman 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from course_utils.data import download

if TYPE_CHECKING:
    from torch import Tensor

# the name ends with the start of its SHA-256
ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
# 0: halve the picture
WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
# torchvision's numbers of conv1_1 to conv5_1, and of conv4_2
STYLE, CONTENT = (0, 5, 10, 19, 28), 21


def network(online: bool = False) -> Callable[[Tensor], tuple[list[Tensor], Tensor]]:
    """Pictures (B, 3, H, W) in [0, 1] -> features of five layers for the style, and of one for the
    content.

    Needs 550 MB from the network once, hence `online=True`. Raises ValueError without it, and
    DownloadError if the weights cannot be had or are not the expected ones.
    """
    if not online:
        raise ValueError(
            "VGG does not come with the course: network(online=True) downloads it once, 550 MB. "
            "The patch style of lesson 09 needs no download."
        )
    return features(_downloaded())


def features(weights: dict[str, Tensor]) -> Callable[[Tensor], tuple[list[Tensor], Tensor]]:
    """The same with given weights, named "features.0.weight" and so on as torchvision does."""
    import torch
    from torch.nn import functional as F

    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def seen(x: Tensor) -> tuple[list[Tensor], Tensor]:
        h, number, kept = (x - mean) / deviation, 0, {}
        for width in WIDTHS:
            if width == 0:
                h, number = F.avg_pool2d(h, 2), number + 1
                continue
            h = F.conv2d(
                h,
                weights[f"features.{number}.weight"],
                weights[f"features.{number}.bias"],
                padding=1,
            )
            h = kept[number] = F.relu(h)
            number += 2  # the convolution, and the ReLU
        return [kept[layer] for layer in STYLE], kept[CONTENT]

    return seen


def _downloaded() -> dict[str, Tensor]:
    import torch

    folder = download.cache_folder() / "vgg"
    try:
        return torch.hub.load_state_dict_from_url(
            ADDRESS, model_dir=str(folder), map_location="cpu", check_hash=True
        )
    except (OSError, RuntimeError) as error:
        raise download.DownloadError(
            f"VGG could not be downloaded from {ADDRESS}: {error}. Without a network go on with the"
            f" patch style, which needs none; or put the file into {folder}."
        ) from error

"""The network of neural style transfer: nothing without being asked, a clear message without a
network, right layers.
"""

import pytest
import torch

from course_utils.data.download import DownloadError
from course_utils.lesson09 import vgg


def _weights(scale=0.05):
    generator, weights, number, before = torch.Generator().manual_seed(0), {}, 0, 3
    for width in vgg.WIDTHS:
        if width:
            weights[f"features.{number}.weight"] = scale * torch.randn(
                width, before, 3, 3, generator=generator
            )
            weights[f"features.{number}.bias"] = torch.zeros(width)
            before = width
        number += 2 if width else 1
    return weights


def test_it_is_not_used_without_being_asked_for():
    with pytest.raises(ValueError, match="network\\(online=True\\)"):
        vgg.network()


def test_without_a_network_it_says_what_to_do(monkeypatch, tmp_path):
    def fails(*_args, **_kwargs):
        raise OSError("no route")

    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fails)
    with pytest.raises(DownloadError, match="go on with the patch style"):
        vgg.network(online=True)


def test_the_hash_is_checked_and_the_weights_are_used(monkeypatch):
    asked = {}
    monkeypatch.setattr(
        torch.hub,
        "load_state_dict_from_url",
        lambda url, **how: asked.update(how, url=url) or _weights(),
    )
    network = vgg.network(online=True)
    assert asked["check_hash"] is True and asked["url"].endswith("vgg19-dcbb9e9d.pth")
    layers, content = network(torch.rand(1, 3, 32, 32))
    assert [layer.shape[1:] for layer in layers] == [
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
    ]
    assert content.shape[1:] == (512, 4, 4) and all((layer >= 0).all() for layer in layers)

"""Captioned shapes: what is drawn is what the caption says, and the reader reads it."""

import numpy as np
import pytest
import torch

from course_utils.lesson09 import probes, shapes


def test_the_reader_is_right_on_every_picture_and_finds_them_clean():
    pictures, labels = shapes.sample(1000, np.random.default_rng(0))
    seen, misfit = shapes.read(pictures)
    assert (seen == labels).all() and misfit.max() < 0.75 * shapes.CLEAN
    assert pictures.shape == (1000, 3, 16, 16) and pictures.min() >= -1 and pictures.max() == 1


def test_the_same_generator_draws_the_same_pictures():
    first, again = (shapes.sample(5, np.random.default_rng(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_every_caption_can_be_said_and_understood():
    captions = shapes.all_captions()
    assert captions.shape == (36, 3) == captions.unique(dim=0).shape
    assert all(torch.equal(shapes.parse(shapes.caption(label)), label) for label in captions)


@pytest.mark.parametrize(
    "text",
    [
        "a red circle, top left",
        "a circle",
        "a blue circle and a square, top left",
        "a triangular green",
    ],
)
def test_a_sentence_that_does_not_fit_is_refused_with_the_words_that_are_known(text):
    with pytest.raises(ValueError, match="circle or square or triangle"):
        shapes.parse(text)


def test_a_drawing_has_its_color_and_its_place():
    pictures, labels = shapes.draw(shapes.all_captions())
    ink = (1 - pictures).sum(1)  # (36, 16, 16)
    right = ink[:, :, 8:].sum((1, 2)) > ink[:, :, :8].sum((1, 2))
    low = ink[:, 8:].sum((1, 2)) > ink[:, :8].sum((1, 2))
    assert torch.equal(right.long() + 2 * low.long(), labels[:, 2])
    darkest = pictures.flatten(2).min(dim=2).values  # (36, 3)
    assert torch.allclose(
        darkest, torch.tensor(2 * shapes.INK[labels[:, 1]] - 1).float(), atol=1e-5
    )


def test_noise_and_blur_are_not_clean_and_half_a_request_is_not_obeyed():
    pictures, labels = shapes.sample(50, np.random.default_rng(1))
    noise = torch.randn(50, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert (shapes.read(noise)[1] > shapes.CLEAN).all()
    assert (shapes.read(pictures.mean(0, keepdim=True))[1] > shapes.CLEAN).all()
    other = labels.clone()
    other[:, 0] = (other[:, 0] + 1) % 3
    assert shapes.obeyed(pictures, labels).all() and not shapes.obeyed(pictures, other).any()


def test_the_probe_of_the_build_task_asks_twice_and_needs_no_gradient():
    told = []

    def answer(pictures, captions, seconds):
        weight = torch.ones(1, requires_grad=True)
        told.append((pictures.shape, captions.shape, seconds))
        return lambda asked: weight * torch.rand(len(asked), 3, 16, 16)

    first, second = probes.painter(
        answer, *shapes.sample(9, np.random.default_rng(2)), shapes.all_captions(), 60.0
    )
    assert told == [((9, 3, 16, 16), (9, 3), 60.0)] and not first.requires_grad
    assert first.shape == (36, 3, 16, 16) and not torch.equal(first, second)


def test_centers_follow_a_shift_and_variety_is_their_standard_deviation():
    rng = np.random.default_rng(4)
    asked = shapes.all_captions()[:1].repeat(200, 1)
    shift = rng.uniform(-0.75, 0.75, (200, 2))
    pictures, _ = shapes.draw(asked, shift, 3.2)
    where, area = shapes.centers(pictures)
    assert np.corrcoef(where[:, 0], shift[:, 0])[0, 1] > 0.9 and area.std() < 0.1 * area.mean()
    assert abs(shapes.variety(pictures, asked) - shift.std()) < 0.1
    still, _ = shapes.draw(asked, 0.0, 3.2)
    assert shapes.variety(still, asked) == 0 and np.isnan(shapes.variety(still[:3], asked[:3]))

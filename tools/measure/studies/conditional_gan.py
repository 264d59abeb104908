"""Lesson 07's conditional GAN, trained with the lesson's own code for a minute of CPU time: control
and FD along the way.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from course_utils import data, metrics
from course_utils.lesson07.taught import sample_given, train_cgan

SECONDS, EVERY = 60.0, 5.0  # of CPU time in training; measuring is not counted
A_CLASS = 100


def run() -> dict[str, Any]:
    """seconds, steps, control, fd: (T,) each; pictures (20, 784) uint8, two of each digit."""
    digits = data.mnist()
    x, c = digits.x_train.flatten(1), F.one_hot(digits.y_train, 10).float()
    torch.manual_seed(0)
    spent, due, rows = 0.0, EVERY, []
    start = time.process_time()
    for step, smooth in enumerate(train_cgan(x, c), 1):
        so_far = spent + time.process_time() - start
        if so_far >= due:
            spent, due = so_far, due + EVERY
            rows.append((spent, step, *measured(smooth)))
            print("%.0f s, step %d: control %.3f, FD %.0f" % rows[-1], flush=True)  # noqa: UP031
            start = time.process_time()
        if spent >= SECONDS:
            break
    seconds, steps, control, fd = np.array(rows).T
    pictures = torch.cat([sample_given(smooth, row, 2) for row in torch.eye(10)])
    return {
        "seconds": seconds,
        "steps": steps,
        "control": control,
        "fd": fd,
        "pictures": (255 * pictures.numpy()).round().astype(np.uint8),
    }


def measured(model: Any) -> tuple[float, float]:
    """Control and FD of 100 pictures a class. The training's random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        pictures = torch.cat([sample_given(model, row, A_CLASS) for row in torch.eye(10)])
    wanted = np.repeat(np.arange(10), A_CLASS)
    return float((metrics.read_digits(pictures) == wanted).mean()), metrics.frechet_digits(pictures)

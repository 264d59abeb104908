# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: another bound
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
import math

import torch
from torch import Tensor

from course_utils import check

# %% [markdown]
# ### Exercise 5.4t · `renyi_bound`
# The lesson took the log of the mean weight, $\log \frac1K \sum_k w_k$. A whole family of bounds
# takes a power first (Li & Turner 2016), for a number $\alpha < 1$:
#
# $$ \mathcal L_\alpha = \frac{1}{1 - \alpha} \log \frac1K \sum_{k=1}^K w_k^{\,1 - \alpha} $$
#
# One row of log-weights per picture, one bound per picture. Weights of real digits are about
# $e^{-115}$.


# %% tags=["exercise:5.4t", "points:4", "minutes:15"]
def renyi_bound(logw: Tensor, alpha: float) -> Tensor:
    """The bound of order alpha < 1 from K weights given as logs, differentiable. (B, K),
    number -> (B,)
    """
    # BEGIN SOLUTION
    power = 1 - alpha
    return (torch.logsumexp(power * logw, dim=1) - math.log(logw.shape[1])) / power  # (B,)
    # END SOLUTION


# %% tags=["check:5.4t", "solved"]
renyi_bound = check("5.4t", renyi_bound)

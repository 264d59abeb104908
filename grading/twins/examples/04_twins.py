# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: the price of a code under another prior
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
# ### Exercise 4.2t · `kl_between`
# The prior of the lesson was $\mathcal N(0, I)$. Let it be $\mathcal N(m, s^2 I)$, with the same
# numbers $m$ and $s > 0$ for every dimension of the code. Return $D_{\mathrm{KL}}(\mathcal N(\mu,
# \sigma^2) \,\|\, \mathcal N(m, s^2 I))$ of every row, in nats.


# %% tags=["exercise:4.2t", "points:4", "minutes:15"]
def kl_between(mu: Tensor, logvar: Tensor, m: float, s: float) -> Tensor:
    """KL from N(mu, exp(logvar)) to N(m, s² I), in nats, differentiable in mu and logvar.

    (B, Z), (B, Z), number, number above 0 -> (B,)
    """
    # BEGIN SOLUTION
    spread = (torch.exp(logvar) + (mu - m) ** 2) / s**2  # (B, Z)
    return 0.5 * (spread - 1 - logvar + 2 * math.log(s)).sum(dim=1)  # (B,)
    # END SOLUTION


# %% tags=["check:4.2t", "solved"]
kl_between = check("4.2t", kl_between)

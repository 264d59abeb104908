# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: an inspector who is never quite sure
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import check

# %% [markdown]
# ### Exercise 6.1t · `soft_d_loss`
# One-sided label smoothing (Salimans et al. 2016) tells the inspector that a real thing is
# real with probability $s$ only, while a forged one stays forged:
#
# $$ L = -\operatorname{mean}\bigl[s \log D(x) + (1 - s) \log (1 - D(x))\bigr] -
# \operatorname{mean}\bigl[\log (1 - D(\tilde x))\bigr] $$
#
# The inspector hands over logits, $D = \sigma(\text{logit})$, and some are as large as $\pm 200$.


# %% tags=["exercise:6.1t", "points:4", "minutes:12"]
def soft_d_loss(real: Tensor, fake: Tensor, s: float) -> Tensor:
    """The inspector's loss in nats, differentiable; s in [0.5, 1] is the label of real things.
    (N,), (M,), s -> ()
    """
    # BEGIN SOLUTION
    of_real = F.binary_cross_entropy_with_logits(real, torch.full_like(real, s))
    return of_real + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    # END SOLUTION


# %% tags=["check:6.1t", "solved"]
soft_d_loss = check("6.1t", soft_d_loss)

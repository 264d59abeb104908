# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: the attacker's best threshold
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
import torch
from torch import Tensor

from course_utils import check

# %% [markdown]
# ### Exercise 10.2t · `membership_advantage`
# An attacker who must answer yes or no chooses a threshold $c$ and says "was in" where the score is
# at least $c$. The *advantage* is the share of those in who are named, minus the share of those out
# who are accused (Yeom et al. 2018):
#
# $$ \max_c \bigl[ P(s_{\text{in}} \ge c) - P(s_{\text{out}} \ge c) \bigr] $$
#
# over all thresholds $c$. With $c = \infty$ nobody is accused, so the advantage is never below 0.


# %% tags=["exercise:10.2t", "points:5", "minutes:15"]
def membership_advantage(scores_in: Tensor, scores_out: Tensor) -> float:
    """The largest difference of the two shares over all thresholds; (N,), (M,) -> [0, 1]"""
    # BEGIN SOLUTION
    cuts = torch.cat([scores_in, scores_out])  # (N + M,): between two scores nothing changes
    named = (scores_in[:, None] >= cuts).double().mean(dim=0)  # (N + M,)
    accused = (scores_out[:, None] >= cuts).double().mean(dim=0)  # (N + M,)
    return (named - accused).max().item()  # at the lowest cut it is 0, so never below
    # END SOLUTION


# %% tags=["check:10.2t", "solved"]
membership_advantage = check("10.2t", membership_advantage)

# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: say what you do not want
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
from torch import Tensor

from course_utils import check

# %% [markdown]
# ### Exercise 9.5t · `guided_away`
# One caption says what to paint, and a second one what to *avoid*. Start from the velocity without
# words, add the effect of the first caption `w` times, and take off the effect of the second `away`
# times. The effect of a caption is what it changes about the velocity without words.


# %% tags=["exercise:9.5t", "points:3", "minutes:8"]
def guided_away(v_uncond: Tensor, v_cond: Tensor, v_avoid: Tensor, w: float, away: float) -> Tensor:
    """Toward one caption and away from another. Velocities (B, ...), two strengths -> (B, ...)"""
    # BEGIN SOLUTION
    return v_uncond + w * (v_cond - v_uncond) - away * (v_avoid - v_uncond)
    # END SOLUTION


# %% tags=["check:9.5t", "solved"]
guided_away = check("9.5t", guided_away)

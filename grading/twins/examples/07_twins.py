# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: the doors of a room
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
import numpy as np
from scipy.ndimage import binary_dilation, label
from torch import Tensor

from course_utils import check
from course_utils.lesson07.floorplans import DOOR

# %% [markdown]
# ### Exercise 7.3t · `doors_of`
# A door is a piece of `DOOR` cells, connected along rows and columns. Return how many doors lead
# into the room of the given kind: a cell of the door is directly above, below, left or right of one
# of the room's cells. Corners do not count.


# %% tags=["exercise:7.3t", "points:4", "minutes:12"]
def doors_of(plan: Tensor, kind: int) -> int:
    """How many doors lie beside the room of this kind. plan (H, W) of kinds -> a number"""
    # BEGIN SOLUTION
    cells = np.asarray(plan)  # (H, W)
    doors, _ = label(cells == DOOR)  # (H, W): 0, or the door's number
    return len(np.unique(doors[binary_dilation(cells == kind) & (doors > 0)]))
    # END SOLUTION


# %% tags=["check:7.3t", "solved"]
doors_of = check("7.3t", doors_of)

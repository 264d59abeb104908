# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: how long a step with weight decay may be
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%

import numpy as np

from course_utils import check

# %% [markdown]
# ### Exercise 3.6t · `max_stable_lr_decayed`
# Weight decay adds $\frac{\lambda}{2}\lVert\theta\rVert^2$ to the loss, so $J(\theta) =
# \frac1n\lVert X\theta - y\rVert^2 + \frac{\lambda}{2}\lVert\theta\rVert^2$. Return the
# learning rate below which gradient descent on $J$ converges. $X$ has shape $(n, d)$.


# %% tags=["exercise:3.6t", "points:4", "minutes:12"]
def max_stable_lr_decayed(X, decay):
    """Learning rate below which gradient descent on mean((Xθ - y)²) + decay/2 · |θ|² converges.

    X: (n, d), decay: number from 0 on -> float
    """
    # BEGIN SOLUTION
    hessian = 2 / len(X) * X.T @ X + decay * np.eye(X.shape[1])  # (d, d)
    return float(2 / np.linalg.eigvalsh(hessian).max())
    # END SOLUTION


# %% tags=["check:3.6t", "solved"]
max_stable_lr_decayed = check("3.6t", max_stable_lr_decayed)

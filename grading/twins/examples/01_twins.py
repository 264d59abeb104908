# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: a density with a peak
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%

import numpy as np

from course_utils import check

# %% [markdown]
# ### Exercise 1.1t · `laplace_logpdf`
# The Laplace distribution falls off in straight lines on a logarithmic scale: its density at $x$ is
#
# $$ p(x) = \frac{1}{2b}\, e^{-|x - \mu| / b} $$
#
# Return $\log p(x)$ for each point, also far out, where $p(x)$ itself is too small for a float. A
# $b$ that is not positive is a mistake: raise a `ValueError`.


# %% tags=["exercise:1.1t", "points:4", "minutes:12"]
def laplace_logpdf(x, mu, b):
    """Log-density of the Laplace distribution at each x.

    x: (...), mu: number, b: number above 0 -> like x
    """
    # BEGIN SOLUTION
    if b <= 0:
        raise ValueError(f"b must be positive, not {b}")
    return -np.log(2 * b) - np.abs(np.asarray(x) - mu) / b
    # END SOLUTION


# %% tags=["check:1.1t", "solved"]
laplace_logpdf = check("1.1t", laplace_logpdf)

# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: a divergence that goes both ways
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
import math

import numpy as np

from course_utils import check

# %% [markdown]
# ### Exercise 2.2t · `jensen_shannon`
# KL tells apart who believes and who is right. The Jensen–Shannon divergence does not: it compares
# both with the point halfway,
#
# $$ m = \tfrac12 (p + q), \qquad \mathrm{JS}(p, q) = \tfrac12 D_{\mathrm{KL}}(p \,\|\, m) +
# \tfrac12 D_{\mathrm{KL}}(q \,\|\, m) $$
#
# Return it in **bits**. It is always finite, also where one of the two is 0 and the other is not.


# %% tags=["exercise:2.2t", "points:4", "minutes:12"]
def jensen_shannon(p, q):
    """Jensen–Shannon divergence of two distributions over K outcomes, in bits.

    (K,), (K,) -> float between 0 and 1
    """
    # BEGIN SOLUTION
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    m = (p + q) / 2  # (K,)
    nats = sum((a[a > 0] * np.log(a[a > 0] / m[a > 0])).sum() for a in (p, q)) / 2
    return float(nats / math.log(2))
    # END SOLUTION


# %% tags=["check:2.2t", "solved"]
jensen_shannon = check("2.2t", jensen_shannon)

# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: the class that obeys least
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
import numpy as np

from course_utils import check

# %% [markdown]
# ### Exercise 7.2t · `worst_control`
# An average can hide a class that the model never draws. Return the control of the *worst* class
# instead: of all classes that were ordered, the smallest share of pictures that are read as what
# was ordered. Classes that nobody ordered do not count.


# %% tags=["exercise:7.2t", "points:4", "minutes:12"]
def worst_control(samples, labels, classifier) -> float:
    """The smallest share read as ordered, over the ordered classes. samples (N, D), labels
    (N,) -> 0 to 1

    `classifier(samples)` returns what it reads, whole numbers (N,).
    """
    # BEGIN SOLUTION
    labels, read = np.asarray(labels), np.asarray(classifier(samples))  # (N,), (N,)
    return float(min((read[labels == k] == k).mean() for k in np.unique(labels)))
    # END SOLUTION


# %% tags=["check:7.2t", "solved"]
worst_control = check("7.2t", worst_control)

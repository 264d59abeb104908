# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For marks: the most surprising word
#
# Write the function below. There is no check here: try it on cases that you can work out by hand.

# %% tags=["setup"]
# filled in by the builder

# %%
from torch import Tensor

from course_utils import check

# %% [markdown]
# ### Exercise 8.1t · `most_surprising`
# An editor reads every report at the word that the model expected least. Return the *place* of that
# word in each document: the $s$ for which $-\log_2 p(y_s \mid y_1, \dots, y_{s-1})$ is largest,
# counting from 0, so that $y_s$ is the word itself. No row predicts the first word, so it has no
# surprise. Padding, token 0, does not count.


# %% tags=["exercise:8.1t", "points:4", "minutes:12"]
def most_surprising(logits: Tensor, y: Tensor) -> Tensor:
    """The place of the word with the largest surprise. logits (B, T, V), y (B, T) -> int64 (B,),
    each from 1 to T - 1

    Row t of the logits came from reading y up to t. Every document has two tokens or more.
    """
    # BEGIN SOLUTION
    log_p = logits[:, :-1].log_softmax(dim=-1).gather(-1, y[:, 1:, None]).squeeze(-1)  # (B, T-1)
    return log_p.masked_fill(y[:, 1:] == 0, 0.0).argmin(dim=1) + 1  # padding: no surprise at all
    # END SOLUTION


# %% tags=["check:8.1t", "solved"]
most_surprising = check("8.1t", most_surprising)

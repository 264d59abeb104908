# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Generative AI in Python and PyTorch
#
# Ten notebooks, from "what is a distribution?" to working miniatures of art, text, games, medicine and design. All of
# them run on a laptop without a graphics card, and without the internet.
#
# {{lessons}}
#
# **For whom.** Anybody who programs a little Python: in industry, in research, at school. When you are through you will know
# the principles and the main algorithms, be able to take a project apart and put it together again, and have grounds for
# what you expect of the field. The lessons build up: distributions, losses and optimizers; then the models; then what
# people use them for.
#
# **How to work.** Open a lesson and run its cells in order. Where a cell says *your code here*, write it, run it, and
# run the check below it: it tells you what it saw and which mistake that looks like. If you skip an exercise, the check
# hands you the course's own version, so nothing after it breaks. Under each check there is help in small steps.
#
# **Core and studio.** Each lesson has a core, which the later lessons need, and a studio, which goes deeper and which
# nothing later needs. Stop wherever it says that stopping is fine.

# %% [markdown]
# ## What you have done so far
#
# Run this cell whenever you like. The record is a small file on this computer, and deleting it harms nothing.

# %%
from course_utils.checks import record

record.show()

# %% [markdown]
# ## Where these models stand among others
#
# A **generative model** is a recipe for new data that look like given data. The families differ in what they can say
# about a picture, a sentence or a melody, and in how they make a new one:
#
# | family | how it makes a sample | can it say how likely a sample is? | lesson |
# |---|---|---|---|
# | mixtures, naive Bayes | choose a kind, then draw each part | yes, exactly | 01 |
# | autoregressive (n-gram, RNN, Transformer) | one piece after another | yes, exactly | 08 |
# | variational autoencoder | draw a code, then decode it | a lower bound | 04, 05 |
# | generative adversarial network | turn noise into a sample in one pass | no | 06 |
# | diffusion and flow matching | start from noise, improve in many steps | a bound, or with extra work | 09 |
#
# Cutting across all families: a **conditional** model (07, 09) is told what to make. A label, a caption, a mask or the
# first half of a sentence can all be the condition.

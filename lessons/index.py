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
# Write the losses, a VAE, a GAN and a Transformer yourself, on a laptop, and measure what they make.
#
# <a href="01_distributions.ipynb" style="display:inline-block;padding:7px 16px;margin:0 8px 8px 0;background:#0072b2;color:#ffffff;border-radius:6px;text-decoration:none"><b>Start here</b>: lesson 01</a> <a href="#I-have-one-hour" style="display:inline-block;padding:6px 15px;margin:0 8px 8px 0;border:1px solid #0072b2;border-radius:6px;text-decoration:none"><b>I have one hour</b></a> <a href="../docs/instructors.md" style="display:inline-block;padding:6px 15px;margin:0 8px 8px 0;border:1px solid #0072b2;border-radius:6px;text-decoration:none"><b>I teach</b></a>
#
# ![Four panels: thirty handwritten digits in a grid; a piano roll of four voices over four bars; a floor plan with kitchen, living room, hall, bath and bedroom; four structural formulas.](../docs/picture.png)

# %% tags=["door"]
# Run this cell to bring the cards up to date.
from course_utils.checks import record

record.show()

# %% [markdown]
# **For whom.** For anyone who programs a little Python, in industry, in research or at school. By the end you will know
# the principles and the main algorithms, be able to take a project apart and put it together again, and have grounds for
# what you expect of the field. The lessons build up: distributions, losses and optimizers; then the models; then what
# people use them for. Everything runs on a laptop without a graphics card and without the internet.
#
# **How to work.** Open a lesson and run its cells in order. Where a cell says *your code here*, write it, run it, and
# run the check below it: it tells you what it saw and which mistake that looks like. If you skip an exercise, the check
# hands you the course's own version, so nothing after it breaks. Under each check there is help in small steps.
#
# **Core and studio.** Each lesson has a core, which the later lessons need, and a studio, which goes deeper and which
# nothing later needs. The minutes on a card are for both. Stop wherever a lesson says that stopping is fine.

# %% [markdown]
# {{one_hour}}

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
# | variational autoencoder | draw a latent code, then decode it | a lower bound | 04, 05 |
# | generative adversarial network | turn noise into a sample in one pass | no | 06 |
# | diffusion and flow matching | start from noise, improve in many steps | a bound, or with extra work | 09 |
#
# Cutting across all families: a **conditional** model (07, 09) is told what to make. A label, a caption, a mask or the
# first half of a sentence can all be the condition.

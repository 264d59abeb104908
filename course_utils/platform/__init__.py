"""Where the course runs: Colab, front ends, the learner's own copies of the notebooks."""

"""Grade a class of untrusted notebooks: `python -m grading SUBMISSIONS --out OUT`. See
docs/grading.md.
"""

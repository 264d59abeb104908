"""Side-by-side measurements; their results are JSON files in this folder."""

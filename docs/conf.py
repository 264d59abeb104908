"""The website's settings. `python -m tools site` copies this file and the pages to
docs/_build/source and builds there.
"""

import re

from sphinx.search.en import SearchEnglish

project = "Generative AI in Python and PyTorch"
author = "the authors of the course"
copyright = "the authors of the course. Prose and figures: CC BY 4.0. Code: MIT"
language = "en"

extensions = ["myst_nb", "sphinx.ext.githubpages"]
exclude_patterns = ["_static"]
nb_execution_mode = "off"  # tools/site.py runs the lessons
# sliders need a kernel; without these scripts nothing is asked for outside
nb_ipywidgets_js = {}
myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

# Formulas: MathJax lies beside the site, because a reader may have no network.
mathjax_path = "mathjax/tex-chtml.js"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
# what keeps in the reader's browser which options they chose; buttons that copy code
html_js_files = [("choices.js", {"defer": "defer"}), "site.js"]
html_favicon = "_static/icon.svg"
# light or dark as the reader's system is, until they press the button
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {
    "repository_branch": "main",
    "path_to_docs": "",  # notebooks/ is notebooks/ there too, so that the launch buttons find them
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the search field stands in the side bar
    "show_toc_level": 2,
    "show_navbar_depth": 1,
}


class Bilingual(SearchEnglish):
    """English, and Chinese by its pairs of characters: Chinese has no spaces to split at, and the
    search looks up a word of two characters only as a whole.
    """

    def split(self, input):
        """The words of a text."""
        chinese = re.findall("[\u4e00-\u9fff]+", input)
        pairs = [run[i : i + 2] for run in chinese for i in range(len(run) - 1)]
        return [*super().split(input), *pairs]


def setup(app):
    app.add_search_language(Bilingual)

"""
The settings of Sphinx.  ``sphinx-build -W docs build/manual`` makes the manual.

pydoctor has to run before, because the manual links to the names of its reference.
"""

import sys
from pathlib import Path

from dwdht_twisted import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "dwdht_twisted"
author = copyright = "the authors of dwdht_twisted"
version = release = __version__

extensions = ["sphinx.ext.intersphinx"]
extensions += ["_extension.links", "_extension.names", "_extension.check"]
# Two dashes are those of an option.
smartquotes = False
html_theme = "furo"
html_title = f"dwdht_twisted {release}"
html_static_path = ["static"]
html_css_files = ["manual.css"]
# Pages are copied with their sources, so that a reader can see them without the repository.
html_copy_source = True
html_theme_options = {"navigation_with_keys": True}

# The reference of pydoctor is in the folder "api" of the manual.
intersphinx_mapping = {"api": ("api", "../build/manual/api/objects.inv")}
exclude_patterns = ["_extension"]
nitpicky = True
highlight_language = "text"

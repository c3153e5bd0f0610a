"""One document, four renderings beside the paper: text, a picture, a PDF and a web page.

Text and page are read from the document; picture and PDF are what the printer's own bytes would put on paper. Nothing here asks
for anything: pictures that a document names are given, by digest.
"""

from pos_plugin.papers.renderings.page import POLICY, STYLE, as_html
from pos_plugin.papers.renderings.picture import Roll, as_pdf, as_png
from pos_plugin.papers.renderings.text import as_text

__all__ = ["POLICY", "STYLE", "Roll", "as_html", "as_pdf", "as_png", "as_text"]

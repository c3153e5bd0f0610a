"""A document's papers: what is between two cuts."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.document import Block, Buzz, Cut, Document, Feed, OpenDrawer


def papers_of(document: Document, *, copy: bool) -> Iterator[Document]:
    """Each of the papers that the cuts make of a document; one without anything where there is nothing."""
    papers: list[list[Block]] = [[]]
    for block in (document.as_copy() if copy else document).blocks:
        if isinstance(block, Cut):
            papers.append([])
        else:
            papers[-1].append(block)
    written = [paper for paper in papers if any(not isinstance(block, Feed | OpenDrawer | Buzz) for block in paper)]
    for paper in written or [[]]:
        yield Document(document.width_columns, tuple(paper))

"""The XML of a request, read with bounds: who is asked, how long the sender waits, and what is to be printed.

A request is a SOAP envelope around one <epos-print>, which may also come without it. The parser is expat, as it is: it fetches
nothing by itself. A document type is refused at its first word, so that no entity can be declared: an entity of entities is how
a small document becomes a large one.
"""

from __future__ import annotations

from typing import NoReturn
from xml.parsers import expat

import msgspec

from pos_plugin.ways_in.epos.elements import Image, Item, SchemaError, item

NAMESPACE = "http://www.epson-pos.com/schemas/2011/03/epos-print"
NAMESPACES = frozenset(("", NAMESPACE, "http://www.epson-pos.com/schemas/2012/06/epos-print"))
"""Without one stand elements that a browser has made by itself and put into the others."""
SOAP = frozenset(("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"))
MOST_ELEMENTS = 10_000
DEEPEST = 8
LONGEST_PARAMETER = 64
MOST_CHARACTERS = 30_000
"""Of all that is no picture: twice the longest receipt. Some scripts are drawn letter by letter."""


class Request(msgspec.Struct, frozen=True):
    """`devid`, `timeout_ms` and `printjobid` are those of its header, "" and None where it has none."""

    items: tuple[Item, ...] = ()
    devid: str = ""
    timeout_ms: int | None = None
    printjobid: str = ""
    namespace: str = NAMESPACE


def read_request(body: bytes) -> Request:
    """Raises SchemaError for what is no request, or one that cannot be printed."""
    root = _tree(body)
    if root.name == "Envelope" and root.namespace in SOAP:
        inside = {one.name: one for one in root.children if one.namespace == root.namespace}
        parameters = _parameters(inside.get("Header"))
        found = inside["Body"].children if "Body" in inside else []
        if len(found) != 1:
            raise SchemaError("the envelope's body does not hold one <epos-print>")
        root = found[0]
    else:
        parameters = {}
    if root.name != "epos-print" or root.namespace not in NAMESPACES:
        raise SchemaError("there is no <epos-print>")
    if set(root.attributes) - {"force"}:
        raise SchemaError("<epos-print> has an attribute that is not known")
    _only_blanks(root)
    timeout = parameters.get("timeout", "")
    items = tuple(_item(child) for child in root.children)
    if sum(len(one.content) for one in items if not isinstance(one.element, Image)) > MOST_CHARACTERS:
        raise SchemaError(f"more than {MOST_CHARACTERS:,} characters")
    return Request(
        items,
        parameters.get("devid", ""),
        int(timeout) if timeout.isascii() and timeout.isdigit() else None,
        parameters.get("printjobid", ""),
        root.namespace or NAMESPACE,
    )


class _Node:
    __slots__ = ("attributes", "children", "name", "namespace", "pieces")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.namespace, _, self.name = name.rpartition(" ")
        self.attributes = attributes
        self.children: list[_Node] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def _item(node: _Node) -> Item:
    if node.namespace not in NAMESPACES:
        raise SchemaError("an element of a namespace that is not ePOS-Print's")
    read = item(node.name, node.attributes, node.text)  # a page is named as such, whatever it holds
    if node.children:
        raise SchemaError(f"<{node.name}> holds an element")
    return read


def _parameters(header: _Node | None) -> dict[str, str]:
    found = next((one for one in header.children if one.name == "parameter"), None) if header else None
    read = {one.name: one.text.strip() for one in found.children} if found else {}
    if any(len(value) > LONGEST_PARAMETER for value in read.values()):
        raise SchemaError("a parameter of the header is too long")
    return read


def _only_blanks(node: _Node) -> None:
    if node.text.strip():
        raise SchemaError(f"<{node.name}> holds text between its elements")


def _tree(body: bytes) -> _Node:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    top: list[_Node] = []
    open_: list[_Node] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_ELEMENTS:
            raise SchemaError(f"more than {MOST_ELEMENTS:,} elements")
        if len(open_) == DEEPEST:
            raise SchemaError(f"elements within more than {DEEPEST} others")
        node = _Node(name, attributes)
        (open_[-1].children if open_ else top).append(node)
        open_.append(node)

    def end(name: str) -> None:
        open_.pop()

    def text(data: str) -> None:
        open_[-1].pieces.append(data)

    def refuse(*_: object) -> NoReturn:
        raise SchemaError("a document type is not accepted")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two of an encoding that is not known
        raise SchemaError(f"not well-formed XML: {error}") from None
    return top[0]

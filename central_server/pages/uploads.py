"""A form that sends a file (multipart/form-data, RFC 7578), read by the standard library: its parts are those of a letter."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

from central_server.errors import Refused

MOST_PARTS = 50
LARGEST = 512 * 1024


def uploaded(body: bytes, content_type: str) -> dict[str, str]:
    """The fields, as text in UTF-8; of a file its content, and nothing of its name. What cannot be read so has no fields.

    Raises Refused for more than any of our forms sends: its parts would take long to read.

    >>> head = b'--x\\r\\nContent-Disposition: form-data; name="'
    >>> body = head + b'a"\\r\\n\\r\\n1\\r\\n' + head + b'f"; filename="p.toml"\\r\\n\\r\\nb = 2\\n\\r\\n--x--'
    >>> uploaded(body, "multipart/form-data; boundary=x")
    {'a': '1', 'f': 'b = 2\\n'}
    """
    boundary = content_type.partition("boundary=")[2].partition(";")[0].strip(' "').encode("latin-1", "replace")
    if len(body) > LARGEST or not boundary or body.count(b"--" + boundary) > MOST_PARTS:
        hint = "Nothing was taken over."
        raise Refused("FORM_UNFIT", f"A form with a file has at most {LARGEST // 1024} KB.", hint=hint, status=413)
    head = b"Content-Type: " + content_type.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
    letter = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n" + body)
    if not letter.is_multipart():
        return {}
    found: dict[str, str] = {}
    for part in letter.get_payload():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        content = part.get_payload(decode=True)  # type: ignore[union-attr]
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content.decode("utf-8-sig", "replace")
    return found

"""A programme's text, changed in one key and otherwise left as it was written: its comments are its author's."""

from __future__ import annotations

from loyalty.toml_lines import lines_of


def with_key(text: str, key: str, value: str) -> str:
    """The text with this value, as TOML, at a key of its top; without the key for ''. The text must be TOML.

    >>> print(with_key('# ours\\nname = "a"\\nversion = 1\\n[earn]\\nversion = 2', "version", "3"))
    # ours
    name = "a"
    version = 3
    [earn]
    version = 2
    """
    lines, stands = text.split("\n"), lines_of(text)
    if (key,) in stands:
        at = stands[key,] - 1
        lines[at : at + 1] = [f"{key} = {value}"] if value else []
    elif value:
        lines.insert(stands.get(("name",), 0), f"{key} = {value}")
    return "\n".join(lines)

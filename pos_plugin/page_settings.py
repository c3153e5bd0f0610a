"""What a shop can set of its till's page: the port, who may call from a web page, keys, sounds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from loyalty.toml_table import Table

SIGNS = "?*/+-"
"""Signs that act by themselves, outside of fields; the others of one key are typed, or belong to a scanner."""
OF_BROWSERS = {"F5", "F11", "F12", "Ctrl+R", "Ctrl+T", "Ctrl+W", "Ctrl+N", "Alt+F4"}
_KEY = re.compile(r"(?:(?:Shift\+)?F(?:[1-9]|1[0-2])|(?:Ctrl\+)?(?:Alt\+)?(?:Shift\+)?(?:F(?:[1-9]|1[0-2])|[A-Z0-9]))")


def _key(text: str) -> str:
    if not text or text in tuple(SIGNS):
        return text
    if text in OF_BROWSERS:
        raise ValueError(f"must not be {text}: that key is the browser's own")
    is_typed = not re.search(r"Ctrl|Alt|F\d", text)
    if is_typed or not _KEY.fullmatch(text):
        raise ValueError('must be a key like "F7", "Shift+F7", "Ctrl+K" or "Alt+3", one of ? * / + -, or "" for none')
    return text


Key = Annotated[str, AfterValidator(_key)]


class Shortcuts(Table):
    """The key of each thing that the page can do, by the name that the page gives it; "" is none."""

    sale: Key = "F2"
    returns: Key = "F4"
    members: Key = "F6"
    claim: Key = "F7"
    use_points: Key = "F8"
    complete: Key = "F9"
    drawer: Key = "F10"
    menu: Key = "F1"
    devices: Key = "F3"
    customer: Key = "Shift+F3"
    cashier: Key = "Shift+F2"
    closing: Key = "Shift+F9"
    ticket: Key = "Shift+F7"
    help: Key = "?"

    @model_validator(mode="after")
    def _one_key_each(self) -> Shortcuts:
        first: dict[str, str] = {}
        for name, key in self.model_dump().items():
            if key and first.setdefault(key, name) != name:
                raise ValueError(f'{key} is the key of {first[key]} and of {name}; give one of them another, or ""')
        return self


class Sounds(Table):
    """Whether the page makes sounds, and how loud; each screen can be set apart from this on the page itself."""

    on: bool = True
    volume_percent: int = Field(default=60, ge=0, le=100)


class PageSettings(Table):
    """`origins` are the web tills that may call the local API with a key, like "https://till.example"."""

    port: int = Field(default=8350, ge=0, le=65_535)
    origins: list[Annotated[str, Field(pattern=r"^https?://[^\s/*]+$", max_length=200)]] = Field(
        default=[], max_length=32
    )
    shortcuts: Shortcuts = Shortcuts()
    sounds: Sounds = Sounds()

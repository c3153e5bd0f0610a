"""The till: checkout, receipts, spooler, local API and page, command line.

For a till that is written in Python: `from pos_plugin import Terminal`, and `hookimpl` for what it adds of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pos_plugin.plugins import hookimpl as hookimpl
    from pos_plugin.terminal import Terminal as Terminal

__all__ = ["Terminal", "hookimpl"]


def __getattr__(name: str) -> Any:
    """Loaded when they are asked for: most of what this package has does without them."""
    if name == "Terminal":
        from pos_plugin.terminal import Terminal

        return Terminal
    if name == "hookimpl":
        from pos_plugin.plugins import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

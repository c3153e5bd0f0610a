"""What a person wrote with whichever editor, as text: `till.toml` and `receipt.toml`. Knows nothing of what stands in it."""

from __future__ import annotations

from pathlib import Path

from loyalty.toml_table import TomlError


def text_of(file: Path, error: type[TomlError]) -> str:
    """UTF-8, without the mark that Windows puts before it. Raises FileNotFoundError, and `error` where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as problem:
        line = problem.object[: problem.start].count(b"\n") + 1
        told = f"line {line}: this is no UTF-8; save it as UTF-8: most editors ask for the encoding under Save as"
        raise error(str(file), [told]) from problem
    except OSError as problem:
        raise error(str(file), [f"it cannot be read: {problem.strerror or problem}"]) from problem

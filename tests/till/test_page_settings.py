"""The page's keys and sounds in till.toml: what a key may be, and every problem told at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pos_plugin.config import ConfigError, read_config
from pos_plugin.page_settings import OF_BROWSERS, Shortcuts


def problems(folder: Path, text: str) -> list[str]:
    (folder / "till.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_config(folder)
    return refused.value.problems


@pytest.mark.parametrize("key", ["F7", "Shift+F12", "Ctrl+K", "Alt+3", "Ctrl+Alt+Shift+Q", "?", "*", "/", "+", "-", ""])
def test_what_a_key_may_be(tmp_path: Path, key: str) -> None:
    (tmp_path / "till.toml").write_text(f'[page.shortcuts]\nclaim = "{key}"\nhelp = "Alt+F1"\n', encoding="utf-8")
    assert read_config(tmp_path).page.shortcuts.claim == key


@pytest.mark.parametrize(
    "key",
    [
        "Q",  # would be typed
        "Shift+Q",
        "7",
        "F13",
        "f7",
        "Ctrl+",
        "Shift+Ctrl+Q",  # the page names keys in one order
        "Enter",
        "??",
        "+-",
        *sorted(OF_BROWSERS),
    ],
)
def test_what_a_key_may_not_be(tmp_path: Path, key: str) -> None:
    (problem,) = problems(tmp_path, f'[page]\n[page.shortcuts]\nclaim = "{key}"\n')
    assert problem.startswith("line 3: page.shortcuts.claim: must ")


def test_two_things_do_not_share_a_key(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, '[page.shortcuts]\nclaim = "F9"\n')
    assert "F9 is the key of claim and of complete" in problem
    (tmp_path / "till.toml").write_text('[page.shortcuts]\nclaim = ""\nmembers = ""\n', encoding="utf-8")
    read_config(tmp_path)  # none is not a key


def test_a_name_that_does_not_exist_and_a_volume_beyond_the_end_are_told_together(tmp_path: Path) -> None:
    said = problems(tmp_path, '[page.shortcuts]\nsail = "F7"\n[page.sounds]\nvolume_percent = 140\n')
    assert said == [
        "line 2: there is no key page.shortcuts.sail; did you mean sale?",
        "line 4: page.sounds.volume_percent must be 100 or less, not 140",
    ]


def test_the_keys_as_they_come_can_all_be_set_by_hand() -> None:
    Shortcuts.model_validate(Shortcuts().model_dump())

"""axe-core over a page that is open in the browser: what somebody who cannot see, or cannot use a mouse, would stumble over.

    assert violations(page) == []

The rules are those of WCAG 2.0 to 2.2, A and AA, and axe-core's best practices (https://www.deque.com/axe/core-documentation/).
The script goes in by the debugger's door, so that a page's own Content-Security-Policy stays as it is. Needs the fixture `axe`
of conftest.py, which installs it.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """
rules => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then(({violations}) => violations.flatMap(one =>
    one.nodes.map(node => `${one.id}: ${node.target.join(" ")}: ${node.failureSummary.replace(/\\s+/g, " ")}`)))
"""

script = Path()
"""Where axe.min.js lies; the fixture `axe` says so."""


_IN_THE_DARK = ["color-contrast"]
"""What else than in the light may be wrong there: colours alone are others."""


def violations_in_light_and_dark(page: Page) -> list[str]:
    """As `violations`, of a page whose dark colours have no transition."""
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in page.evaluate(_RUN, _IN_THE_DARK)]
    page.emulate_media(color_scheme="light")
    return found


def violations(page: Page) -> list[str]:
    """One line for each place that breaks a rule: the rule, the place, what to do. [] for a page that breaks none.

    Of what is shown now: open each view and dialog first. Transitions must have ended; half-faded text has less contrast.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(script.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(_RUN, RULES)
    return found

"""The parts of the test lie beside it, and one of them is run as a script of its own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

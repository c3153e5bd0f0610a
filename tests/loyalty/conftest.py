"""Under `make mutants` a property that fails says so at once: looking for the smallest example would take hours."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

sys.path.insert(0, str(Path(__file__).parent))

if os.environ.get("MUTANT_UNDER_TEST"):
    settings.register_profile(
        "mutants",
        max_examples=40,
        phases=(Phase.explicit, Phase.generate),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")

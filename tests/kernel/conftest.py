"""Runs the cases of guest/ inside a virtual machine with a real kernel, and reports each here as if it had run here.

They are collected only when this folder is named: `pytest tests/kernel`, with -k and -x as usual. The machine boots once for
all of them. An oops of the kernel, or a case that hangs it, fails that case and all behind it, with the end of the console.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
GUEST = HERE / "guest"
ROOT = HERE.parents[1]
CACHE = ROOT / ".kernel"

BOOT_S = 110
CASE_S = 60  # in the guest; a case that needs longer is marked
SILENCE_S = 105  # longer than any case may take, and shorter than this pytest's own patience

sys.path.insert(0, str(HERE))

from virtual_machine import CannotBoot, Machine, prepared_kernel  # noqa: E402

MACHINE = pytest.StashKey[Machine]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = (Path(config.invocation_params.dir, argument.split("::")[0]).resolve() for argument in config.args)
    if collection_path.is_relative_to(GUEST) and not any(path.is_relative_to(HERE) for path in named):
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    cases = [item.nodeid for item in session.items if item.path.is_relative_to(GUEST)]
    if not cases or session.config.option.collectonly or session.testsfailed:
        return
    if hasattr(session.config, "workerinput"):
        pytest.exit("There is one virtual machine, and its cases run one after the other: without -n.", returncode=1)
    run_folder = session.config._tmp_path_factory.mktemp("kernel")  # type: ignore[attr-defined]
    chosen = run_folder / "cases"
    chosen.write_text("".join(f"{case}\n" for case in cases))
    # Plugins that no case needs would take longer to import there than the machine takes to boot.
    settings = {"PYTHONPATH": HERE, "PYTHONDONTWRITEBYTECODE": 1, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": 1}
    command = ["env", *(f"{name}={value}" for name, value in settings.items()), sys.executable, "-m", "pytest", "-q"]
    command += ["-p", "streaming", "-p", "pytest_timeout", "-p", "no:cacheprovider", "--color=no"]
    command += [f"--confcutdir={GUEST}", "-o", f"timeout={CASE_S}", f"@{chosen}"]
    try:
        machine = Machine(prepared_kernel(CACHE), command, ROOT, run_folder)
    except CannotBoot as error:
        pytest.exit(str(error), returncode=1)
    session.config.stash[MACHINE] = machine
    session.config.add_cleanup(machine.close)
    try:
        said = machine.line(BOOT_S)
        is_ready = said is not None and json.loads(said).get("ready", False)
    except TimeoutError:
        is_ready = False
    if not is_ready:
        pytest.exit(f"The virtual machine did not come up. The end of its console:\n{machine.console()}", returncode=1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    machine = item.config.stash.get(MACHINE, None)
    if machine is None or not item.path.is_relative_to(GUEST):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(machine, item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(machine: Machine, item: pytest.Item) -> Iterator[pytest.TestReport]:
    why = "The virtual machine ended: its kernel failed, or the tests in it could not start."
    try:
        while (line := machine.line(SILENCE_S)) is not None:
            said: dict[str, Any] = json.loads(line)
            if said.get("finished") == item.nodeid:
                return
            if "report" in said:
                yield item.config.hook.pytest_report_from_serializable(config=item.config, data=said["report"])
    except TimeoutError as error:
        why = f"{error} It hangs, and was switched off."
        machine.close()
    text = f"{why} The end of its console:\n{machine.console()}"
    yield pytest.TestReport(item.nodeid, item.location, {}, outcome="failed", longrepr=text, when="call")

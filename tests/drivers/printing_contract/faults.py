"""What happens to a printer and to its wire. None of these lies: what is said is what the printer said, when it said it."""

from __future__ import annotations

from collections.abc import Callable

from printing_contract.counter import Counter

Fault = Callable[[Counter], object]
# The power is off and on, and the wire keeps the connection and the rest of the bytes.
HIDDEN: dict[str, tuple[Fault, ...]] = {
    "hidden power cut": (Counter.cut_power_unseen,),
    "hidden power cut of a slow printer": (lambda c: c.far.slow_down(bytes_per_s=400), Counter.cut_power_unseen),
    "hidden power cut without paper": (lambda c: c.far.paper_out(), Counter.cut_power_unseen),
    "hidden power cut, and news": (Counter.cut_power_unseen, lambda c: c.far.paper_near_end()),
    "hidden power cut, answers twice": (lambda c: c.far.duplicate_replies(), Counter.cut_power_unseen),
}
FAULTS: dict[str, Fault] = {
    "nothing": lambda c: None,
    "unplugged": lambda c: c.far.unplug(),
    "unplugged and plugged in": lambda c: (c.far.unplug(), c.far.plug()),
    "connection reset": lambda c: c.wire.break_off(),
    "off and on": lambda c: c.switch_off_and_on(),
    "paper out": lambda c: c.far.paper_out(),
    "paper near end": lambda c: c.far.paper_near_end(),
    "cover opened": lambda c: c.far.open_cover(),
    "cover opened and closed": lambda c: (c.far.open_cover(), c.far.close_cover()),
    "cutter jammed": lambda c: c.far.cutter_jam(),
    "recoverable error": lambda c: c.far.recoverable_error(),
    "hot head": lambda c: c.far.overheat(),
    "unrecoverable error": lambda c: c.far.unrecoverable_error(),
    "feed button held": lambda c: c.far.hold_feed_button(),
    "silent": lambda c: c.far.silence(),
    "garbage": lambda c: c.far.garbage_replies(),
    "half replies": lambda c: c.far.half_replies(),
    "double replies": lambda c: c.far.duplicate_replies(),
    "late replies": lambda c: c.far.delay_replies(0.1),
    "very late replies": lambda c: c.far.delay_replies(20),
    "stalled": lambda c: c.far.stall(),
    "slow": lambda c: c.far.slow_down(bytes_per_s=400),
    "too slow": lambda c: c.far.slow_down(bytes_per_s=20),
    "paper out, and a new roll": lambda c: (c.far.paper_out(), c.far.load_paper()),
    "no paper and power gone": lambda c: (c.far.paper_out(), c.switch_off_and_on()),
    **{
        name: (lambda c, faults=faults: [fault(c) for fault in faults])  # type: ignore[misc]
        for name, faults in HIDDEN.items()
    },
}

"""Cloud tills that print here by Star CloudPRNT: whether their addresses may be polled, and what to enter there. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterator

from pos_plugin.doctor.finding import Finding, Till


def cloud_tills(till: Till) -> Iterator[Finding]:
    from pos_plugin.ways_in.cloudprnt.far_end import FarEnd, NoAddress
    from pos_plugin.ways_in.cloudprnt.kept import KeptUnreadable, read

    urls = [one.url for one in till.config.cloudprnt if one.url] if till.config else []
    if not urls:
        return
    try:
        kept = read(till.folder)
    except KeptUnreadable as error:
        yield Finding("Cloud till", False, str(error), "docs/cloudprnt.md says how.")
        return
    for url in urls:
        try:
            host = FarEnd(url, "").host
        except NoAddress as error:
            yield Finding("Cloud till", False, str(error), "Correct url under [[cloudprnt]] in till.toml.")
            continue
        if kept is None:
            do = "Run the till once: it makes its address then, and doctor shows it."
            yield Finding("Cloud till", True, f"{host} is to be polled", do)
        else:
            do = f"Enter {kept.mac} there as the MAC address of a Star CloudPRNT printer, if that is not done yet."
            yield Finding("Cloud till", True, f"{host} is polled by the printer {kept.mac}", do)

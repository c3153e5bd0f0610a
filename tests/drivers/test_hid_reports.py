"""What a HID POS reader's descriptor says, the codes in its reports, and what never becomes a code."""

from __future__ import annotations

import itertools
import random
import tracemalloc

import pytest
from hid_makers import (
    AIM_1,
    AIM_2,
    AIM_3,
    APPLICATION,
    ARRAY,
    BUFFERED,
    BYTE_COUNT,
    COLLECTION,
    CONSTANT,
    CONTINUED,
    CONTINUED_BIT,
    COUNT,
    COUNT_BYTE,
    DATA,
    DECODED,
    DESKTOP,
    END,
    ERROR_BEEP,
    FEATURE,
    GENERIC,
    GOOD_BEEP,
    GOOD_VOLUME,
    HONEYWELL,
    ID,
    IDENTIFIER,
    INPUT,
    KEYBOARD,
    MAKERS_OWN,
    MAKES,
    NEWLAND,
    NO_ID,
    NOT_ON_FILE_BEEP,
    OUTPUT,
    PAGE,
    POP,
    PREVENT_READ,
    PUSH,
    SCANNER,
    SCANNERS,
    SHIFTED,
    SIZE,
    USAGE,
    USAGE_MAX,
    USAGE_MIN,
    VAGUE,
    VALUES,
    Make,
    application,
    bytes_of,
    honeywell,
    item,
    items,
    newland,
    padding,
    report,
    shifted,
)

from drivers.scanners.hid_pos.descriptor import fields
from drivers.scanners.hid_pos.reports import Joiner, Layout, beep, is_scanner, layouts, report_bytes
from drivers.scanners.scan import scan_from_bytes

EAN = b"4006381333931"
LONG_CODE = bytes(range(0x21, 0x7F)) * 2  # 188 bytes: four reports
ALL = (HONEYWELL, NEWLAND, GENERIC, NO_ID, SHIFTED, VAGUE)


def joiner(descriptor: bytes, **settings: float) -> Joiner:
    return Joiner(layouts(fields(descriptor)), **settings)  # type: ignore[arg-type]


def codes(joined: Joiner, reports: list[bytes], now: float = 0.0) -> list[bytes]:
    return [code for one in reports if (code := joined.feed(one, now)) is not None]


# Descriptors.


@pytest.mark.parametrize(
    ("descriptor", "layout"),
    [
        (HONEYWELL, Layout(2, 5, 56, 2, count=(8, 8), continued=(504, 1))),
        (NEWLAND, Layout(2, 2, 56, None, count=(8, 8), continued=(504, 1))),
        (GENERIC, Layout(1, 4, 59, 1, continued=(504, 1))),
        (NO_ID, Layout(0, 1, 60, 61, continued=(0, 1))),
        # A range of usages names each element in turn; the last one stands for all that remain.
        (
            application((SIZE, 8), (COUNT, 23), (USAGE_MIN, AIM_1), (USAGE_MAX, DECODED), (INPUT, DATA), CONTINUED_BIT),
            Layout(0, 3, 20, 0, continued=(184, 1)),
        ),
        # One usage a byte.
        (application((SIZE, 8), (COUNT, 4), *((USAGE, DECODED),) * 4, (INPUT, DATA)), Layout(0, 0, 4)),
        # A usage with its page in it, under another page.
        (
            application((PAGE, MAKERS_OWN), (SIZE, 8), (COUNT, 9), item(USAGE, 0x8C00FE, 4), (INPUT, DATA)),
            Layout(0, 0, 9),
        ),
        # A page that is declared behind its usage.
        (
            application((PAGE, MAKERS_OWN), (SIZE, 8), (COUNT, 9), (USAGE, DECODED), (PAGE, SCANNERS), (INPUT, DATA)),
            Layout(0, 0, 9),
        ),
        # Pushed and popped: size, count, page and id are those from before.
        (
            application(
                *((ID, 3), (SIZE, 8), (COUNT, 7), (PUSH,), (ID, 9), (PAGE, DESKTOP), (SIZE, 1), (COUNT, 1), (POP,)),
                *((USAGE, DECODED), (INPUT, DATA)),
            ),
            Layout(3, 1, 7),
        ),
        # A long item (6.2.2.3) means nothing, and is passed over.
        (application(b"\xfe\x02\x10\xa1\x01", bytes_of(DECODED, 7)), Layout(0, 0, 7)),
        # Makers who mean a buffer write an array.
        (application(bytes_of(DECODED, 7, ARRAY)), Layout(0, 0, 7)),
        # A count of two bytes.
        (
            application((PAGE, DESKTOP), (SIZE, 16), (COUNT, 1), (USAGE, BYTE_COUNT), (INPUT, DATA), (PAGE, SCANNERS))[
                :-1
            ]
            + bytes_of(DECODED, 300)
            + CONTINUED_BIT
            + item(END),
            Layout(0, 2, 300, None, count=(0, 16), continued=(302 * 8, 1)),
        ),
        # Identifiers that are not three bytes in one piece are none.
        (application(bytes_of(AIM_1, 1), bytes_of(DECODED, 7), bytes_of(AIM_2, 2)), Layout(0, 1, 7)),
        # In an application of another kind of device they are another's: a keyboard in the same descriptor.
        (KEYBOARD + application((ID, 2), bytes_of(DECODED, 7)), Layout(2, 1, 7)),
        (
            application((ID, 5), bytes_of(DECODED, 9), usage=1) + application((ID, 2), bytes_of(DECODED, 7)),
            Layout(2, 1, 7),
        ),
        # The same usages in a feature report are settings.
        (
            application((SIZE, 8), (COUNT, 5), (USAGE, DECODED), (FEATURE, DATA), bytes_of(DECODED, 7)),
            Layout(0, 0, 7),
        ),
    ],
)
def test_the_descriptor_says_where_the_code_is(descriptor: bytes, layout: Layout) -> None:
    described = fields(descriptor)
    assert is_scanner(described)
    assert layouts(described) == (layout,)


def test_several_reports_of_one_reader_have_a_place_each() -> None:
    both = application((ID, 1), bytes_of(DECODED, 7), (ID, 2), COUNT_BYTE, bytes_of(DECODED, 20))
    assert layouts(fields(both)) == (Layout(1, 1, 7), Layout(2, 2, 20, count=(8, 8)))


@pytest.mark.parametrize(
    "descriptor",
    [
        KEYBOARD,
        b"",
        application(bytes_of(DECODED, 7), usage=1),  # a badge reader
        application(bytes_of(DECODED, 7), page=0xFF8C),  # a maker's own page, as for its service tool
        items((PAGE, SCANNERS), (USAGE, SCANNER), (COLLECTION, 2), bytes_of(DECODED, 7), (END,)),  # no application
        HONEYWELL[:-1],  # the application has no end
        HONEYWELL + item(END),
        HONEYWELL[:10],  # it breaks off in an item
        application((POP,), bytes_of(DECODED, 7)),
        application((ID, 0), bytes_of(DECODED, 7)),
        application(*((SIZE, 8), (COUNT, 0xFFFFFFFF), (USAGE, DECODED), (INPUT, DATA))),
        application((SIZE, 8), (COUNT, 7), (USAGE_MIN, CONTINUED), (USAGE_MAX, DECODED), (INPUT, DATA)),
        application(bytes_of(DECODED, 7), *(padding(1) for _ in range(1000))),  # longer than Linux would read
    ],
)
def test_what_is_no_scanner_or_no_descriptor_is_none(descriptor: bytes) -> None:
    assert not is_scanner(fields(descriptor)) or not layouts(fields(descriptor))


@pytest.mark.parametrize(
    "inside",
    [
        items((SIZE, 8), (COUNT, 7), (USAGE, DECODED), (INPUT, CONSTANT)),
        items((SIZE, 7), (COUNT, 7), (USAGE, DECODED), (INPUT, DATA)),
        padding(1) + bytes_of(DECODED, 7),  # between two bytes
        bytes_of(DECODED, 7) + bytes_of(0, 1) + bytes_of(DECODED, 7),  # in two pieces
        bytes_of(0, 63),  # 63 bytes without an id in front, of no known form
        items((ID, 2)) + bytes_of(0, 62),
    ],
)
def test_a_scanner_that_does_not_say_where_its_code_is_is_a_scanner_without_a_layout(inside: bytes) -> None:
    described = fields(application(inside))
    assert is_scanner(described)
    assert layouts(described) == ()


def test_the_length_of_a_report_counts_its_id_and_its_padding() -> None:
    assert [report_bytes(fields(one), 2) for one in (HONEYWELL, NEWLAND, SHIFTED, VAGUE)] == [64] * 4
    assert report_bytes(fields(HONEYWELL), 4, "output") == 2
    assert report_bytes(fields(HONEYWELL), 9) == 0


# Reports.


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize(
    "label",
    [
        "1",
        "4006381333931",
        "x" * 56,
        "y" * 57,
        "z" * 59,
        LONG_CODE.decode(),
        "Müller ☕ Ñandú " * 20,
        "01\x1d99",
        "a" * 7000,
    ],
    ids=["1", "ean", "56", "57", "59", "long", "utf-8", "gs", "7000"],
)
def test_a_code_arrives_whole_from_every_make(make: Make, label: str) -> None:
    joined = joiner(make.descriptor)
    for _ in range(2):
        (raw,) = codes(joined, make.reports(label.encode(), b"]Q1"))
        scan = scan_from_bytes(raw, "", 0.0)
        assert (scan.label, scan.symbology) == (label, "qr" if make.has_identifier else "")
        assert raw == (b"]Q1" if make.has_identifier else b"") + label.encode()
    assert joined.dropped == 0


@pytest.mark.parametrize(("form", "descriptor"), [(honeywell, HONEYWELL), (honeywell, SHIFTED), (newland, NEWLAND)])
def test_a_code_without_an_identifier_is_its_text_alone(form: object, descriptor: bytes) -> None:
    assert codes(joiner(descriptor), [form(EAN, b"", False)]) == [EAN]  # type: ignore[operator]


def test_a_code_that_may_stand_a_byte_behind_its_place_is_none() -> None:
    """Without its identifier nothing tells, and it would be taken for the code without its last character."""
    joined = joiner(SHIFTED)
    assert codes(joined, [shifted(EAN, b"", False)]) == []
    assert joined.dropped == 1


def test_bytes_that_make_no_identifier_are_not_put_in_front() -> None:
    joined = joiner(HONEYWELL)
    for noise in (b"\0\0\0", b"]\0\0", b"E0]", b"]E\0", b"   ", b"]]]"):
        assert codes(joined, [honeywell(EAN, noise, False)]) == [EAN]


def test_an_identifier_that_the_reader_also_puts_before_the_data_counts_once() -> None:
    assert codes(joiner(HONEYWELL), [honeywell(b"]E0" + EAN, b"]E0", False)]) == [b"]E0" + EAN]


def test_the_count_says_how_much_is_data_whatever_stands_behind_it() -> None:
    whole = bytearray(honeywell(EAN, b"]E0", False))
    whole[5 + len(EAN) : 61] = b"9" * (56 - len(EAN))  # left from a longer code
    assert codes(joiner(HONEYWELL), [bytes(whole)]) == [b"]E0" + EAN]
    assert codes(joiner(HONEYWELL), [honeywell(b"a\0b\0", b"]d1", False)]) == [b"]d1a\0b\0"]


def test_without_a_count_the_padding_ends_the_data_and_a_nul_within_it_does_not() -> None:
    make = MAKES["generic"]
    assert codes(joiner(GENERIC), make.reports(b"a\0b\0\0", b"]d1")) == [b"]d1a\0b"]
    assert codes(joiner(GENERIC), make.reports(b"\0" * 59 + b"b", b"]d1")) == [b"]d1" + b"\0" * 59 + b"b"]


def test_a_full_report_of_a_reader_that_cannot_say_that_more_follows_is_no_code_and_neither_is_what_may_be_its_rest() -> (
    None
):
    for counted in (b"", COUNT_BYTE):
        joined = joiner(application((ID, 1), counted, bytes_of(DECODED, 8)))

        def one(data: bytes, counted: bytes = counted) -> bytes:
            return b"\x01" + (bytes([len(data)]) if counted else b"") + data.ljust(8, b"\0")

        assert codes(joined, [one(b"1234567")]) == [b"1234567"]
        assert codes(joined, [one(b"12345678"), one(b"9")]) == []
        assert joined.dropped == 1
        assert codes(joined, [one(b"1234567")]) == [b"1234567"]


def test_a_report_of_another_kind_in_between_is_passed_over() -> None:
    first, last = MAKES["honeywell"].reports(b"x" * 60, b"]Q1")
    others = [bytes([3]) + bytes(63), b"", b"\x05", bytes([4, 0xFF])]
    joined = joiner(HONEYWELL)
    assert codes(joined, [*others, first, *others, last, *others]) == [b"]Q1" + b"x" * 60]
    assert joined.dropped == 0


def test_an_empty_report_is_no_code_and_no_loss() -> None:
    for make in MAKES.values():
        joined = joiner(make.descriptor)
        assert codes(joined, [make.form(b"", b"]E0", False), *make.reports(EAN, b"]E0")]) != []
        assert joined.dropped == 0


def test_a_report_that_is_cut_off_or_counts_more_than_it_holds_is_no_code() -> None:
    whole = honeywell(EAN, b"]E0", False)
    for length in range(1, 64):
        joined = joiner(HONEYWELL)
        assert codes(joined, [whole[:length]]) == []
        assert joined.dropped == 1
    joined = joiner(HONEYWELL)
    assert codes(joined, [whole[:1] + bytes([57]) + whole[2:]]) == []
    assert joined.dropped == 1
    joined.expire(1.0)
    assert codes(joined, [whole + b"more than described"], 1.0) == [b"]E0" + EAN]


def test_the_rest_of_a_code_may_take_its_time_but_not_longer() -> None:
    first, last = MAKES["honeywell"].reports(b"x" * 60, b"]Q1")
    joined = joiner(HONEYWELL)
    assert joined.feed(first, 10.0) is None
    joined.expire(10.9)
    assert joined.is_inside
    assert joined.feed(last, 11.0) == b"]Q1" + b"x" * 60
    assert joined.feed(first, 20.0) is None
    joined.expire(21.0)
    assert (joined.is_inside, joined.dropped) == (False, 1)
    assert codes(joined, MAKES["honeywell"].reports(EAN, b"]E0"), 21.0) == [b"]E0" + EAN]


def test_a_report_after_a_pause_in_which_nobody_listened_may_be_the_rest_or_not_and_neither_is_a_code() -> None:
    first, _ = MAKES["honeywell"].reports(b"x" * 60, b"]Q1")
    joined = joiner(HONEYWELL)
    assert joined.feed(first, 10.0) is None
    assert joined.feed(honeywell(b"2900000000018", b"]Q1", False), 12.0) is None
    assert joined.dropped == 1
    assert joined.feed(honeywell(b"2900000000018", b"]Q1", False), 12.1) == b"]Q12900000000018"


@pytest.mark.parametrize("at", range(4))
def test_a_long_code_of_which_one_report_is_missing_is_not_a_code(at: int) -> None:
    """Where the missing one is the first or a middle one nothing shows it: the kernel tells of no loss. See `lose`."""
    reports = MAKES["honeywell"].reports(LONG_CODE, b"]Q1")
    joined = joiner(HONEYWELL)
    assert codes(joined, reports[:at]) == []
    joined.lose()
    assert codes(joined, reports[at + 1 :]) == []
    assert joined.dropped == 1
    joined.expire(5.0)
    assert codes(joined, reports, 5.0) == [b"]Q1" + LONG_CODE]


def test_two_codes_are_never_joined() -> None:
    first, _ = MAKES["honeywell"].reports(b"x" * 60, b"]Q1")
    joined = joiner(HONEYWELL)
    assert codes(joined, [first, honeywell(EAN, b"]E0", False)]) == []
    assert joined.dropped == 1
    assert codes(joined, [honeywell(EAN, b"]E0", False)]) == [b"]E0" + EAN]
    # The same where the second begins a byte later, or is one of several reports itself.
    joined = joiner(SHIFTED)
    assert codes(joined, [first, *MAKES["datalogic"].reports(b"y" * 60, b"]Q1")]) == []
    assert codes(joined, [honeywell(EAN, b"]E0", False)]) == [b"]E0" + EAN]


def test_only_the_first_report_of_a_code_need_name_its_kind() -> None:
    reports = [honeywell(b"x" * 56, b"]Q1", True), honeywell(b"y" * 56, b"", True), honeywell(b"z", b"", False)]
    assert codes(joiner(HONEYWELL), reports) == [b"]Q1" + b"x" * 56 + b"y" * 56 + b"z"]


def test_a_code_without_end_is_dropped_with_all_that_belongs_to_it() -> None:
    joined = joiner(HONEYWELL, max_bytes=200)
    assert codes(joined, [honeywell(b"9" * 56, b"]Q1", True)] * 1000) == []
    assert joined.dropped == 1
    assert codes(joined, [honeywell(b"9" * 56, b"]Q1", False), honeywell(EAN, b"]E0", False)]) == [b"]E0" + EAN]


def test_opening_anew_forgets_and_counts_what_was_begun() -> None:
    first, _ = MAKES["honeywell"].reports(b"x" * 60, b"]Q1")
    joined = joiner(HONEYWELL)
    joined.reset()
    assert joined.dropped == 0
    joined.feed(first, 0.0)
    joined.reset()
    assert joined.dropped == 1
    assert codes(joined, [honeywell(EAN, b"]E0", False)]) == [b"]E0" + EAN]


# Forms that the descriptor does not say.


@pytest.mark.parametrize("length", range(1, 120))
def test_of_the_known_forms_exactly_one_fits_whatever_the_length(length: int) -> None:
    for form, aim in ((honeywell, b"]C0"), (shifted, b"]C0"), (newland, b"")):
        make = Make(0, 0, VAGUE, form)
        for label in (b"A" * length, bytes(itertools.islice(itertools.cycle(b"]E0123"), length))):
            joined = joiner(VAGUE)
            assert codes(joined, make.reports(label, aim)) == [aim + label]


def test_a_report_of_no_known_form_is_dropped_and_not_guessed_at() -> None:
    whole = honeywell(EAN, b"]E0", False)
    for wrong in (
        whole[:1] + bytes([12]) + whole[2:],  # something of it stands behind its end
        whole[:1] + bytes([14]) + whole[2:],  # its end is missing
        whole[:2] + bytes(3) + whole[5:],  # which form it is nothing tells
        b"\x02" + bytes(range(1, 64)),
    ):
        joined = joiner(VAGUE)
        assert codes(joined, [wrong]) == []
        assert joined.dropped == 1


# Beeps.


def outputs(*inside: tuple[int, int] | bytes, number: int = 4) -> bytes:
    return application(bytes_of(DECODED, 7), (ID, number) if number else b"", (SIZE, 1), (COUNT, 1), *inside)


@pytest.mark.parametrize(
    ("descriptor", "good", "bad"),
    [
        (HONEYWELL, b"\x04\x40", b"\x04\x20"),
        (NEWLAND, None, None),
        (
            outputs((USAGE, NOT_ON_FILE_BEEP), (OUTPUT, DATA), (USAGE, ERROR_BEEP), (OUTPUT, DATA), padding(6)),
            None,
            b"\x04\x01",
        ),
        (outputs((COUNT, 9), (OUTPUT, CONSTANT), (COUNT, 1), (USAGE, GOOD_BEEP), (OUTPUT, DATA)), b"\x04\0\x02", None),
        (outputs((USAGE, GOOD_BEEP), (OUTPUT, DATA), number=0), b"\0\x01", None),  # no ids: a 0 goes in front
        (outputs((SIZE, 8), (USAGE, GOOD_BEEP), (OUTPUT, DATA)), b"\x04\x01", None),
        # What a 0 would change is never written to.
        (outputs((USAGE, GOOD_BEEP), (OUTPUT, DATA), (SIZE, 8), (USAGE, GOOD_VOLUME), (OUTPUT, DATA)), None, None),
        (outputs((USAGE, GOOD_BEEP), (OUTPUT, DATA), (SIZE, 8), (OUTPUT, DATA)), None, None),
        (outputs((USAGE_MIN, PREVENT_READ), (USAGE_MAX, GOOD_BEEP), (COUNT, 40), (OUTPUT, DATA)), None, None),
        # Settings, and what is no output or no value of its own.
        (outputs((USAGE, GOOD_BEEP), (FEATURE, DATA)), None, None),
        (outputs((USAGE, GOOD_BEEP), (INPUT, DATA)), None, None),
        (outputs((USAGE, GOOD_BEEP), (OUTPUT, ARRAY)), None, None),
        (outputs((USAGE, GOOD_BEEP), (OUTPUT, CONSTANT)), None, None),
    ],
)
def test_a_beep_is_asked_for_by_the_report_that_has_it_and_nothing_else_is(
    descriptor: bytes, good: bytes | None, bad: bytes | None
) -> None:
    described = fields(descriptor)
    assert (beep(described, good=True), beep(described, good=False)) == (good, bad)


# Noise.


def noise(seed: int, total: int) -> None:
    source = random.Random(seed)
    used = 0
    while used < total:
        if source.random() < 0.3:  # descriptors: noise, or one that was damaged
            descriptor = bytearray(source.choice((*ALL, KEYBOARD)))
            for _ in range(source.randrange(1, 12)):
                descriptor[source.randrange(len(descriptor))] = source.randrange(256)
            if source.random() < 0.5:
                descriptor = bytearray(source.randbytes(source.randrange(1, 300)))
            described = fields(bytes(descriptor))
            forms = layouts(described)
            for good in (True, False):
                sound = beep(described, good=good)
                assert sound is None or len(sound) <= 16385
            used += len(descriptor)
        else:
            forms = layouts(fields(source.choice(ALL)))
        joined = Joiner(forms, max_bytes=500)
        fed = b""
        now = 0.0
        for _ in range(20):
            make = source.choice(list(MAKES.values()))
            piece = bytearray(make.form(source.randbytes(source.randrange(make.room)), b"]Q1", source.random() < 0.5))
            if source.random() < 0.5:
                piece[source.randrange(64)] = source.randrange(256)
            if source.random() < 0.3:
                piece = bytearray(source.randbytes(source.randrange(1, 100)))
            now += source.choice((0.0, 0.01, 0.5, 2.0))
            fed += piece
            used += len(piece)
            code = joined.feed(bytes(piece), now)
            if code is not None:
                assert set(code) <= set(fed)
                assert len(code) <= 503
                assert_stands_in(code, fed)
            if source.random() < 0.1:
                joined.expire(now + source.choice((0.1, 3.0)))


def assert_stands_in(code: bytes, fed: bytes) -> None:
    """Each run of the code, as long as it may be, was in the reports, in that order."""
    at, rest = 0, code.removeprefix(b"]Q1")
    while rest:
        length = next((size for size in range(len(rest), 0, -1) if fed.find(rest[:size], at) >= 0), 0)
        assert length, (code, fed)
        at = fed.find(rest[:length], at) + length
        rest = rest[length:]


def test_noise_raises_nothing_and_makes_no_code_that_was_not_in_it() -> None:
    noise(1, 200_000)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10))
def test_ten_million_bytes_of_noise(seed: int) -> None:
    noise(1000 + seed, 1_000_000)


def test_noise_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        noise(2, 20_000)
        before = tracemalloc.get_traced_memory()[0]
        noise(3, 60_000)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_the_widest_descriptors_are_parsed_at_once() -> None:
    """Ranges of a thousand million usages, and reports of all ids, are not counted out one by one."""
    wide = items((SIZE, 1), (COUNT, 131_000), item(USAGE_MIN, 0x8C0000, 4), item(USAGE_MAX, 0x8CFFFFFF, 4))
    descriptor = application(*((items((ID, number)) + wide + item(INPUT, DATA)) for number in range(1, 150)))
    assert len(descriptor) < 4096
    described = fields(descriptor)
    layouts(described)
    assert beep(described, good=True) is None


def test_continued_is_one_bit_of_eight() -> None:
    assert codes(joiner(HONEYWELL), [honeywell(EAN, b"]E0", False)[:-1] + b"\xfe"]) == [b"]E0" + EAN]


def test_the_identifier_of_a_shifted_report_is_found_however_the_usages_are_declared() -> None:
    for identifier in (IDENTIFIER, bytes_of(AIM_1, 1) + bytes_of(AIM_2, 1) + bytes_of(AIM_3, 1), bytes_of(AIM_1, 3)):
        flag = items((SIZE, 1), (COUNT, 8), (USAGE, CONTINUED), (INPUT, DATA))
        descriptor = application(report(2, COUNT_BYTE, identifier, bytes_of(DECODED, 56, BUFFERED), padding(16), flag))
        for form in (honeywell, shifted):
            assert codes(joiner(descriptor), [form(EAN, b"]E0", False)]) == [b"]E0" + EAN]


def test_values_and_collections_of_other_kinds_change_no_place() -> None:
    inner = items((USAGE, 1), (COLLECTION, APPLICATION), VALUES, bytes_of(DECODED, 7), (END,))
    assert layouts(fields(application(inner))) == (Layout(0, 0, 7),)

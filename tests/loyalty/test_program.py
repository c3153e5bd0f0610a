"""A programme is read as a whole: every problem at once, each with its line and what was probably meant."""

from __future__ import annotations

import re

import pytest

from loyalty.program import Program, ProgramError, preset, read_program
from loyalty.toml_sentences import PATTERNS

GOOD = """\
name = "points"
version = 3
currency = "EUR"
time_zone = "Europe/Berlin"
day_starts_at = 4

[earn]
points = 2
per_minor = 100
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ProgramError) as refused:
        read_program(text, "shop.toml")
    assert str(refused.value).startswith("shop.toml: ")
    return refused.value.problems


def test_the_preset_is_a_programme() -> None:
    program = read_program(preset("points"))
    assert (program.currency, program.earn.points, program.earn.per_minor) == ("EUR", 1, 100)
    assert (program.redeem.points, program.redeem.worth_minor, program.expire.months) == (100, 100, 12)


def test_there_is_no_preset_of_another_name() -> None:
    with pytest.raises(KeyError):
        preset("nothing-like-this")


def test_what_is_left_out_has_its_default() -> None:
    program = read_program(GOOD)
    assert (program.expire.months, program.claim.within_days, program.cards.number_length) == (12, 7, 10)
    assert program.day_starts_at == 4


def test_a_programmes_id_names_exactly_its_text() -> None:
    program, same, other = read_program(GOOD), read_program(GOOD), read_program(GOOD + "# a remark\n")
    assert program.id.startswith("points-3-")
    assert program.id == same.id != other.id


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("points = 2", "pionts = 2", "line 8: there is no key earn.pionts; did you mean points?"),
        ("[earn]", "[eran]", "line 7: there is no key eran; did you mean earn?"),
        ("[earn]", "[zzz]", "line 7: there is no key zzz"),  # nothing near: no guess
        ("points = 2", "points = 2.5", "line 8: earn.points must be a whole number, not 2.5"),
        ("points = 2", "points = 2.0", "line 8: earn.points must be a whole number, not 2.0"),  # even a whole float
        ("points = 2", 'points = "2"', 'line 8: earn.points must be a whole number, not "2"'),
        ("points = 2", "points = true", "line 8: earn.points must be a whole number, not true"),
        ("points = 2", "points = -1", "line 8: earn.points must be 0 or more, not -1"),
        ("per_minor = 100", "per_minor = 0", "line 9: earn.per_minor must be 1 or more, not 0"),
        ("points = 2", "points = 99999999999999999999", "line 8: earn.points must be 1000000 or less"),
        ('currency = "EUR"', "", "currency is missing"),
        ('currency = "EUR"', 'currency = "eur"', "line 3: currency must be three capital letters"),
        ('currency = "EUR"', 'currency = "XXY"', "line 3: currency: there is no currency XXY (ISO 4217)"),
        (
            "[earn]",
            f"[cards]\nnumbers = [{'{}, ' * 17}]\n[earn]",
            "line 8: cards.numbers has more than 16 entries, which are the most",
        ),
        ("day_starts_at = 4", "day_starts_at = 24", "line 5: day_starts_at must be 23 or less, not 24"),
        ("Europe/Berlin", "Europe/Berlinn", 'line 4: time_zone: "Europe/Berlinn" is no IANA time zone'),
        ("Europe/Berlin", "Europe", 'line 4: time_zone: "Europe" is no IANA time zone'),  # a folder of the database
        ("Europe/Berlin", "", 'line 4: time_zone: "" is no IANA time zone'),
        ("Europe/Berlin", "../../../etc/passwd", 'line 4: time_zone: "../../../etc/passwd" is no IANA time zone'),
        (
            "[earn]",
            "[cards]\nnumber_length = 13\n[earn]",
            "line 8: cards.number_length: number_length 13 is that of item codes",
        ),
        (
            "[earn]",
            '[cards]\nin_store_prefix = "40"\n[earn]',
            "line 8: cards.in_store_prefix must be two digits from 20 to 29",
        ),
        (
            "[earn]",
            '[cards]\nnumbers = [{ prefix = "77", length = 12 }]\n[earn]',
            "line 8: cards.numbers 1: length 12 is that of item codes, one in ten of which would pass as a card",
        ),
        (
            "[earn]",
            '[[cards.numbers]]\nprefix = "7"\nlength = 11\ncheck = "none"\n[earn]',
            'line 7: cards.numbers 1: check "none" needs a prefix of at least 2 characters',
        ),
        (
            "[earn]",
            '[[cards.numbers]]\nprefix = "m-"\nlength = 11\n[earn]',
            "line 8: cards.numbers 1.prefix must be at most 8 digits, after at most four capital letters and a dash, not",
        ),
        (
            "[earn]",
            '[[cards.numbers]]\nlength = 11\nsymbologies = ["qrcode"]\n[earn]',
            'not "qrcode"; did you mean "qr"?',
        ),
        ("[earn]", '[[cards.numbers]]\nprefix = "77"\n[earn]', "line 7: cards.numbers 1.length is missing"),
        (
            "[earn]",
            '[cards]\nnumber_prefix = "5"\nnumbers = [{ prefix = "77", length = 11 }]\n[earn]',
            "line 7: cards: beside numbers, number_prefix stands with its number_length, or is one of them",
        ),
        (
            "[earn]",
            '[cards]\nnumbers = [{ prefix = "77", length = 11 }, { prefix = "7", length = 11, check = "ean" }]\n[earn]',
            'line 7: cards: two forms of numbers have 11 characters and begin alike ("77" and "7")',
        ),
        ("version = 3", 'version = 3\ntext = "x"', "there is no key text"),  # the text is the file itself
    ],
)
def test_a_problem_is_named_with_its_line(was: str, becomes: str, problem: str) -> None:
    assert GOOD.count(was) == 1
    (found,) = problems(GOOD.replace(was, becomes))
    assert problem in found


def test_every_problem_is_reported_at_once() -> None:
    text = 'name = "Points!"\ncurrency = "EURO"\ntimezone = "UTC"\n[earn]\npoints = 1.5\nper_minor = 0\n'
    found = problems(text)
    assert len(found) == 5
    for number, key in ((1, "name"), (2, "currency"), (3, "timezone"), (5, "earn.points"), (6, "earn.per_minor")):
        assert any(one.startswith(f"line {number}: ") and key in one for one in found), key
    assert any("did you mean time_zone?" in one for one in found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('name = "points\nversion = 3\n', 'line 1: the quote that ends this text is missing: name = "points"'),
        ("name = “points”\n", "line 1: a text stands in straight quotes"),
        ('name = "points"\nversion 3\n', "line 2: this is not TOML: "),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(text: str, told: str) -> None:
    (found,) = problems(text)
    assert found.startswith(told)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("points = 3\n", "line 10: points stands here a second time; leave one of them out"),
        ("[earn]\n", "line 10: [earn] stands here a second time; write all its keys under one"),
        ("[reward]\n[reward]\n", "line 11: [reward] stands here a second time; write all its keys under one, or [[reward]]"),
        ("[reward]\n[[reward]]\n", "line 11: [reward] stands here a second time"),
        ("except = { tags = [], tags = [] }\n", "line 10: except, or one in it, stands here a second time"),
    ],
)  # fmt: skip
def test_what_stands_twice_is_told_in_plain_words(more: str, problem: str) -> None:
    (found,) = problems(GOOD + more)
    assert found.startswith(problem)


def test_forms_of_numbers_stand_beside_the_plain_one_only_where_its_length_is_written() -> None:
    numbers = (
        '[[cards.numbers]]\nprefix = "77"\nlength = 11\n[[cards.numbers]]\nprefix = "M-"\nlength = 8\ncheck = "none"\n'
    )
    alone, beside = read_program(GOOD + numbers), read_program(GOOD + "[cards]\nnumber_length = 9\n" + numbers)
    assert [form.prefix for form in alone.cards.rules.forms] == ["29", "77", "M-"]
    assert [form.prefix for form in beside.cards.rules.forms] == ["29", "", "77", "M-"]
    none = read_program(GOOD + '[cards]\nin_store_prefix = ""\n' + numbers)
    assert [form.length for form in none.cards.rules.forms] == [11, 8]


@pytest.mark.parametrize("currency", ["JPY", "KWD"])  # none, and three decimals
def test_a_currency_without_hundredths_is_refused_rather_than_printed_wrong(currency: str) -> None:
    with pytest.raises(ProgramError, match="no hundredths"):
        read_program(f'name = "shop"\ncurrency = "{currency}"\n')


MANY = """\
name = "many"
currency = "EUR"
vest_days = 3

[[accrual]]
name = "tea"
title = "Tea"
points = 1
goods = { catgories = ["tea"] }

[[accrual]]
title = "Nameless"
points = true
weekdays = ["mon", "tuesday"]

[[tier]]
name = "gold"
form = 100
title = { xx = "Gold" }
expire = { rule = "month" }

[reward]
name = "ten"
"""


def test_a_problem_in_the_nth_table_of_its_kind_is_named_with_its_line_and_its_name() -> None:
    assert problems(MANY) == [
        "line 3: there is no key vest_days; did you mean that of [earn]?",
        'line 9: there is no key accrual "tea".goods.catgories; did you mean categories?',
        "line 11: accrual 2.name is missing",
        "line 13: accrual 2.points must be a whole number, not true",
        'line 14: accrual 2.weekdays 2 must be one of "mon", "tue", "wed", "thu", "fri", "sat", "sun", not "tuesday"; '
        'did you mean "tue"?',
        'line 18: there is no key tier "gold".form; did you mean from?',
        'line 19: tier "gold".title.xx: xx is no language of the product, which are en, tr, de, fr, es',
        'line 20: tier "gold".expire.rule must be one of "months", "month end", "fixed date", "inactivity", "never", '
        'not "month"; did you mean "months"?',
        "line 22: reward: there can be several, so it is written with two brackets: [[reward]]",
        'line 22: reward "ten".title is missing',
        'line 22: reward "ten".points is missing',
        'line 22: reward "ten".kind is missing',
    ]


def test_every_pattern_of_a_programme_is_said_in_words() -> None:
    schema = str(Program.model_json_schema())
    patterns = set(re.findall(r"'pattern': '([^']*)'", schema))
    assert patterns
    assert {pattern.replace("\\\\", "\\") for pattern in patterns} <= set(PATTERNS)


MIXED = """\
name = "mixed"
currency = "eur"

[[accrual]]
name = "tea"
title = "Tea"
points = 1
tiers = ["glod"]

[[accrual]]
name = "tea"
points = 1
starts = "2026-02-30"

[accural]

[[tier]]
name = "gold"
title = { deu = "Gold" }
from = 500

[[tier]]
name = "club"
title = 7
paid = true

[[tier]]
name = "silver"
title = "Silver"
from = 100
times = 1001

[[membership]]
name = "year"
title = "Year"
tier = "cub"
sku = "Y"
price_minor = 1
months = 0

[[price]]
name = "half"
title = ""
percent = 100.5
weekdays = ["Monday"]
stores = "1"

[cards]
in_store_prefix = "5"
number_length = 13
"""


def test_a_wrong_value_hides_nothing_of_what_tables_do_to_each_other() -> None:
    assert problems(MIXED) == [
        'line 2: currency must be three capital letters, like EUR, not "eur"',
        "line 8: tea: there is no tier glod; did you mean gold?",
        'line 10: accrual "tea".title is missing',
        "line 11: tea names 2 rules, which would be counted as one",
        'line 13: accrual "tea".starts: "2026-02-30" is no day; write for example "2026-03-10"',
        "line 15: there is no key accural; did you mean accrual?",
        'line 19: tier "gold".title.deu: deu is no language of the product, which are en, tr, de, fr, es; did you mean de?',
        'line 24: tier "club".title must be a text of 1 to 200 characters, or one for each language: '
        '{ en = "...", de = "..." }',
        "line 30: tier silver is reached from 100, which is not more than gold: write the lowest first",
        'line 31: tier "silver".times: must be from 0 to 1000, not 1001',
        "line 36: year sells cub, which is no tier with paid = true; did you mean club?",
        'line 39: membership "year".months must be 1 or more, not 0',
        'line 43: price "half".title must be a text of 1 to 200 characters, or one for each language: '
        '{ en = "...", de = "..." }',
        'line 44: price "half".percent: must be from 0 to 100, not 100.5',
        'line 45: price "half".weekdays 1 must be one of "mon", "tue", "wed", "thu", "fri", "sat", "sun", not "Monday"; '
        'did you mean "mon"?',
        'line 46: price "half".stores must be a list of texts in brackets, like ["a", "b"], not "1"',
        'line 49: cards.in_store_prefix must be two digits from 20 to 29, or empty, not "5"',
        "line 50: cards.number_length: number_length 13 is that of item codes, one in ten of which would pass as a card",
    ]


def test_brackets_of_the_other_kind_are_told_and_what_stands_under_them_is_checked() -> None:
    text = GOOD + '[accrual]\nname = "a"\ntitle = "A"\npionts = 1\ntiers = ["x"]\n[[redeem]]\nstep = 0\n'
    assert problems(text) == [
        "line 10: accrual: there can be several, so it is written with two brackets: [[accrual]]",
        'line 13: there is no key accrual "a".pionts; did you mean points?',
        "line 14: a: there is no tier x",
        "line 15: redeem: there is only one, so it is written with single brackets: [redeem]",
        "line 16: redeem.step must be 1 or more, not 0",
    ]


def test_a_table_that_cannot_be_read_is_no_reason_to_doubt_its_name() -> None:
    text = (
        GOOD + '[[tier]]\nname = "gold"\ntitle = 1\n[[price]]\nname = "p"\ntitle = "P"\npercent = 1\ntiers = ["gold"]\n'
    )
    assert len(problems(text)) == 1


@pytest.mark.parametrize("key", ["threshold", "is_paid"])
def test_a_file_has_no_other_words_than_those_of_the_page(key: str) -> None:
    (found,) = problems(GOOD + f'[[tier]]\nname = "gold"\ntitle = "Gold"\n{key} = 1\n')
    assert found.startswith(f'line 13: there is no key tier "gold".{key}')


def test_a_text_in_no_language_is_none() -> None:
    (found,) = problems("title = {}\n" + GOOD)
    assert found.startswith("line 1: title must be a text")

"""Opening balances of another system: all problems at once, and the same file again changes nothing."""

import pytest

from central_server.membership import opening
from central_server.membership.opening import FileProblems
from central_server.reports import report
from loyalty.program import preset

TIERED = preset("points") + '\n[[tier]]\nname = "silver"\ntitle = "Silver"\nfrom = 50000\n'
FILE = """card,points,expires_on,tier,tier_until,aliases,name
2900000000018,120,2026-12-01,silver,2026-12-31,1234567897 OLD-7,Ada Lovelace
2900000000018,30,2027-01-01,,,,
2900000000025,,,,,,
2900000000032,7,,,,,
"""
FILE = FILE.replace("2900000000025,,", "2900000000025,0,")


@pytest.fixture
def tiered(office, till, tell):
    one = till()
    tell.use(office, TIERED)
    return one


def read(office, text):
    return opening.read(office, text, takes_any_card=True)  # OLD-7 is the old system's


def take_over(office, text):
    return opening.take_over(office, read(office, text), ["Harbour"])


def balances(office):
    return {one.card: one.balance for one in report.balances(office)}


def test_cards_lots_tier_and_aliases_are_taken_over(office, tiered, tell):
    taken = take_over(office, FILE)
    assert (taken.members, taken.lots, taken.points, taken.again) == (3, 3, 157, 0)
    assert balances(office) == {
        "2900000000018": 150,
        "1234567897": 150,
        "OLD-7": 150,
        "2900000000025": 0,
        "2900000000032": 7,
    }
    from central_server.membership import members

    told = tell.told(office, tiered, members.of_card(office, "OLD-7"))
    assert [(part.expires_on, part.points) for part in told.points] == [("2026-12-01", 120), ("2027-01-01", 30)]
    assert told.history.given == {"silver": "2026-12-31"}
    assert told.initials == "A.L."
    other = tell.told(office, tiered, members.of_card(office, "2900000000032"))
    assert [part.expires_on for part in other.points] == ["2027-03-02"]  # the programme's own rule


def test_the_same_file_again_changes_nothing_also_on_another_day(office, tiered, clock):
    take_over(office, FILE)
    before = balances(office)
    clock.pass_by(days=40)
    taken = take_over(office, FILE)
    assert (taken.lots, taken.points, taken.again) == (0, 0, 3)
    assert balances(office) == before


def test_what_was_cut_off_goes_on_where_it_was(office, tiered, monkeypatch):
    monkeypatch.setattr(opening, "AT_ONCE", 1)
    found = read(office, FILE)

    def die(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opening.take_over(office, found, ["Harbour"], die)
    assert sum(balances(office).values()) == 450  # the first member, by three cards
    taken = take_over(office, FILE)
    assert (taken.lots, taken.again) == (1, 2)


def test_a_card_that_is_known_here_gets_its_points_and_keeps_its_owner(office, tiered, tell):
    from central_server.membership import members
    from ledger.wire import MemberDetails

    tiered.sale("1", 1000, "anna")
    tiered.send()
    members.take_details(office, tiered.row(), MemberDetails("anna", ["2900000000018"], "2026-03-02"))
    take_over(office, FILE)
    assert members.of_card(office, "OLD-7") == "anna"
    assert tell.figures(office, "anna") == {"available": 160}


WRONG = """card,points,expires_on,tier,tier_until,aliases,name
2900000000018,12.5,2026-12-01,,,,
2900000000025,-3,,,,,
2900000000032,5,1.12.2026,,,,
2900000000049,5,2026-03-02,,,,
2900000000056,5,,sliver,,,
2900000000063,5,,,2026-12-31,,
,5,,,,,
2900000000070,5,,,,,,surplus
2900000000087,5,,silver,2026-12-31,,
2900000000087,5,,silver,2027-12-31,,
2900000000094,5,,,,2900000000087,
"""


def test_every_problem_is_told_with_its_line_and_nothing_is_taken_over(office, tiered):
    with pytest.raises(FileProblems) as error:
        take_over(office, WRONG)
    assert error.value.problems == [
        "line 2: points must be a whole number, 0 to 1,000,000,000, not '12.5'",
        "line 3: points must be a whole number, 0 to 1,000,000,000, not '-3'",
        "line 4: expires_on must be a day such as \"2027-12-31\", not '1.12.2026'",
        "line 5: these points expired on 2026-03-02, the first day without them",
        "line 6: the programme has no tier sliver; did you mean silver?",
        "line 7: tier_until goes with a tier",
        "line 8: '' is no card: 1 to 64 printable characters",
        "line 9: it has more fields than the first line has columns",
        "line 11: card 2900000000087 has another tier_until than in line 10",
        "line 12: card 2900000000087 is that of line 10, too; write it as an alias of one",
    ]
    assert balances(office) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the column card is missing"),
        ("card,point\n1,2\n", "line 1: there is no column point; did you mean points?"),
        (
            "\ufeffcard;points\n1;2\n",
            "line 1: the columns are parted by semicolons; save the file as CSV that is parted by commas",
        ),
        (
            "card\tpoints\n1\t2\n",
            "line 1: the columns are parted by tabs; save the file as CSV that is parted by commas",
        ),
        (
            "card,points,expires_on,last_day\n",
            "line 1: expires_on and last_day say the same, a day apart; keep one of them",
        ),
        ("card,points,points\n1,2,2\n", "line 1: the column points stands twice"),
    ],
)
def test_a_file_without_its_columns_is_not_read_further(office, tiered, text, problem):
    with pytest.raises(FileProblems) as error:
        take_over(office, text)
    assert problem in error.value.problems


def test_other_points_of_a_lot_that_was_taken_over_are_a_problem(office, tiered):
    take_over(office, FILE)
    with pytest.raises(FileProblems) as error:
        take_over(office, FILE.replace(",120,", ",121,"))
    assert error.value.problems == [
        "line 2: of card 2900000000018 120 points to 2026-12-01 were taken over before, not 121"
    ]


def test_cards_of_one_line_that_are_two_members_here_are_a_problem(office, tiered):
    take_over(office, FILE)
    with pytest.raises(FileProblems, match="nothing was taken over") as error:
        take_over(office, "card,points,aliases\n2900000000018,120,2900000000032\n")
    assert "line 2: its cards belong to several members here; merge them first" in error.value.problems


def test_a_wrong_check_digit_is_a_problem_and_a_strange_card_one_unless_it_is_asked_for(office, tiered):
    damaged = "card,points,aliases\n2900000000019,5,\n2900000000018,5,2900000000026 OLD-7\n"
    wrong_digits = [
        "line 2: card 2900000000019 has a wrong check digit; nobody could use it",
        "line 3: card 2900000000026 has a wrong check digit; nobody could use it",
    ]
    strange = "line 3: OLD-7 is no card by the programme's [cards]; --any-card takes cards of another system, too"
    for takes_any_card, problems in ((True, wrong_digits), (False, [*wrong_digits, strange])):
        with pytest.raises(FileProblems) as error:
            opening.read(office, damaged, takes_any_card=takes_any_card)
        assert error.value.problems == problems
    assert balances(office) == {}


def test_the_last_day_with_points_can_be_given_instead_of_the_first_without(office, tiered, tell):
    from central_server.membership import members

    text = "card,points,last_day\n2900000000018,5,2026-03-02\n2900000000025,6,9999-12-31\n"
    assert take_over(office, text).lots == 2
    told = {
        card: [
            (part.expires_on, part.points) for part in tell.told(office, tiered, members.of_card(office, card)).points
        ]
        for card in ("2900000000018", "2900000000025")
    }
    assert told == {"2900000000018": [("2026-03-03", 5)], "2900000000025": [("9999-12-31", 6)]}
    # The same lots, told the other way.
    again = take_over(office, "card,points,expires_on\n2900000000018,5,2026-03-03\n2900000000025,6,9999-12-31\n")
    assert (again.lots, again.again) == (0, 2)
    with pytest.raises(FileProblems) as error:
        take_over(office, "card,points,last_day\n2900000000018,5,2026-03-01\n")
    assert error.value.problems == ["line 2: these points could be used through 2026-03-01, which is over"]


def test_a_tier_that_was_taken_away_does_not_come_back_with_the_same_file(office, tiered, tell):
    from central_server.membership import desk, members

    take_over(office, FILE)
    member = members.of_card(office, "2900000000018")
    desk.set_tier(office, member, "silver", None, desk.Who("a mistake of the old system", "Ada", "Ben"))
    take_over(office, FILE)
    assert tell.told(office, tiered, member).history.given == {}


def test_what_is_no_csv_any_more_is_a_problem_of_its_line(office, tiered):
    with pytest.raises(FileProblems) as error:
        take_over(office, f"card,points,name\n2900000000018,5,\n2900000000025,6,{'x' * 200_000}\n")
    (problem,) = error.value.problems
    assert "from here on the file is no CSV" in problem

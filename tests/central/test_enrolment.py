"""How a till joins."""

import re

import pytest

from central_server.errors import OfficeError, Refused
from central_server.tills import enrolment


def refusal(work, *arguments):
    with pytest.raises(Refused) as refused:
        work(*arguments)
    return refused.value.code


def test_a_code_takes_in_one_till_and_says_where_it_belongs(office, tell):
    code = enrolment.new_code(office, "Mill")
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code)
    one = tell.Till(office, "AAAAAA", "Mill")
    enrolled = one.enroll(code)
    assert (enrolled.shop, enrolled.server, enrolled.server_key) == ("Mill", office.server, office.signing.public)
    assert (enrolled.sealing_key, enrolled.phone_key) == (office.sealing_key, office.phone_key)
    # The answer may have been lost: the same till gets it again, another does not.
    assert one.enroll(code) == enrolled
    assert refusal(tell.Till(office, "BBBBBB", "Mill").enroll, code) == "CODE_USED"


def test_a_code_is_read_as_people_type_it(office, tell):
    code = enrolment.new_code(office, "Mill")
    tell.Till(office, "AAAAAA", "Mill").enroll(" " + code.replace("-", "").lower().replace("0", "o").replace("1", "l"))


def test_a_code_ends_after_a_day(office, tell, clock):
    code = enrolment.new_code(office, "Mill")
    clock.pass_by(hours=24, seconds=1)
    assert refusal(tell.Till(office, "AAAAAA", "Mill").enroll, code) == "CODE_EXPIRED"


def test_wrong_codes_are_bounded_and_the_bound_ends(office, tell, clock):
    one = tell.Till(office, "AAAAAA", "Mill")
    code = enrolment.new_code(office, "Mill")
    bound = enrolment.WrongCodes()

    def attempt(typed):
        from ledger.wire import Enrolment, enrolment_message

        proof = one.key.sign(enrolment_message(typed, one.name, one.key.public))
        return enrolment.enroll(office, bound, Enrolment(typed, one.name, one.epoch, one.key.public, proof))

    for _ in range(enrolment.MOST_WRONG):
        assert refusal(attempt, "0000-0000") == "CODE_WRONG"
    assert refusal(attempt, code) == "TOO_MANY_CODES"
    clock.pass_by(minutes=16)
    assert attempt(code).shop == "Mill"


def test_a_terminals_name_is_taken_by_one_key(office, till, tell):
    till("AAAAAA")
    impostor = tell.Till(office, "AAAAAA", "Harbour")
    impostor.key = tell.Till(office, "other", "Harbour").key
    assert refusal(impostor.enroll) == "TERMINAL_TAKEN"


def test_a_key_that_is_not_the_tills_own_is_refused(office, tell):
    from ledger.wire import Enrolment

    code = enrolment.new_code(office, "Mill")
    public = tell.Till(office, "x", "Mill").key.public
    request = Enrolment(code, "AAAAAA", "e", public, "00" * 64)
    assert refusal(enrolment.enroll, office, enrolment.WrongCodes(), request) == "PROOF_WRONG"


@pytest.mark.parametrize("name", ["", "A/B", "A" * 65, "Ä", "a b", "~"])
def test_a_terminals_name_is_letters_and_digits(office, tell, name):
    assert refusal(tell.Till(office, name, "Mill").enroll) == "ENROLMENT_UNFIT"


def test_the_code_itself_is_nowhere_at_rest(office):
    code = enrolment.new_code(office, "Mill").replace("-", "")
    assert code.encode() not in b"".join(path.read_bytes() for path in office.folder.iterdir())


def test_a_shop_that_is_not_there_is_named_with_those_that_are(office):
    with pytest.raises(OfficeError, match="no shop Nowhere") as error:
        enrolment.new_code(office, "Nowhere")
    assert "Harbour, Mill" in error.value.hint

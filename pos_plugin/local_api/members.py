"""Who somebody is, who joins, and what gives points without a sale."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from drivers.scanners.scan import scan_from_bytes
from pos_plugin.codes.identifying import Identified
from pos_plugin.local_api import lookups, requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import MEMBERS, answers
from pos_plugin.local_api.once import Asked
from pos_plugin.local_api.operators import by, is_page, require_program
from pos_plugin.local_api.requests import KeyInHeader, RefInPath
from pos_plugin.members import activities, balances, joining, replacing
from pos_plugin.members.activities import Given
from pos_plugin.members.joining import ConsentSaid, Joined
from pos_plugin.members.replacing import Replaced
from pos_plugin.terminal import FORM_S, Terminal


def add_members(app: FastAPI, terminal: Terminal) -> None:
    @app.post(
        "/v1/identify",
        tags=[MEMBERS],
        summary="Who or what a code is",
        responses=answers(Identified, "A member, a card that is not taken and why, an item or a coupon."),
    )
    def identify(asked: requests.IdentifyAsked) -> Response:
        """Scanned or typed, the member can earn and redeem; looked up by phone or name, earn alone. With `is_customer` false they
        are asked for in a form, and neither greeted nor taken for whom the next printed sale is of."""
        label, symbology = asked.scan, ""
        if asked.entry_mode == "scanned":  # a scanner that types sends its identifier, too
            read = scan_from_bytes(asked.scan.encode(), "keyboard", 0.0)
            label, symbology = read.label, read.symbology
        return answer(terminal.checkout.identify(label, asked.entry_mode, symbology, is_customer=asked.is_customer))

    @app.post(
        "/v1/scans",
        tags=[MEMBERS],
        summary="Which form takes the scans",
        responses=answers(shapes.ScansInto, "Until it is said otherwise, or for so long."),
    )
    def scans(asked: requests.ScansAsked) -> Response:
        """For the page: a card that this till's own scanner reads into a form (a claim, a ticket, who joins) is that form's
        alone. A page that has gone is forgotten."""
        terminal.scan_into(asked.into)
        return answer(shapes.ScansInto(asked.into, FORM_S if asked.into else 0.0))

    @app.post(
        "/v1/members/search",
        tags=[MEMBERS],
        summary="Members by name",
        responses=answers(shapes.MembersShown, "At most eight; `more` says that there are others."),
    )
    def search(asked: requests.SearchAsked) -> Response:
        """Head office alone knows names: refused as `NAMES_OFFLINE` where it cannot be asked."""
        found = terminal.head_office.search_by_name(asked.name)
        return answer(shapes.MembersShown(found.members, found.more))

    @app.post(
        "/v1/members",
        tags=[MEMBERS],
        summary="A new member",
        responses=answers(Joined, "The member, with the card's number in full."),
    )
    def join(asked: requests.JoinAsked, request: Request, key: KeyInHeader = "") -> Response:
        """Also offline. Without `card` a new number is made: send an Idempotency-Key, so that a second try makes no second
        member. `consent` is the version of the text that they agree to (the till's state has it), `print` a slip for them."""
        who = by(terminal, request, "enrol", asked)
        under = Asked.by(terminal, request, asked)
        joined = joining.join(
            terminal.checkout,
            asked.card,
            name=asked.name,
            phone=asked.phone,
            birthday=asked.birthday,
            charity=asked.charity,
            referrer=asked.referrer,
            operator=who.operator,
            shift=who.shift,
            consent=asked.consent,
            channel=asked.channel,
            prints=asked.print,
            write=lambda work: under.written(work, Joined),
        )
        terminal.recorded("members")
        return answer(joined)

    @app.post(
        "/v1/members/{member}/consent",
        tags=[MEMBERS],
        summary="A member agrees to be written to, or takes it back",
        responses=answers(ConsentSaid, "What was written down."),
    )
    def consent(member: RefInPath, asked: requests.ConsentAsked, request: Request, key: KeyInHeader = "") -> Response:
        """Also offline: an entry of this till's journal, with the version of the text, the channel and the time."""

        def work() -> Any:
            who = by(terminal, request, "enrol", asked)
            said = joining.say_consent(
                terminal.checkout,
                member,
                asked.text,
                given=asked.given,
                channel=asked.channel,
                operator=who.operator,
                shift=who.shift,
            )
            terminal.recorded("members")
            return said

        return answer(Asked.by(terminal, request, asked).once(work))

    @app.post(
        "/v1/members/{member}/replace-card",
        tags=[MEMBERS],
        summary="Another card for a lost or worn one",
        responses=answers(Replaced, "`replaced`; or `proposed`, where somebody at head office has to allow it."),
    )
    def replace_card(member: RefInPath, asked: requests.ReplacementAsked, request: Request) -> Response:
        """Head office does it: refused as `REPLACE_OFFLINE` where it cannot be asked. The same again changes nothing."""
        who = by(terminal, request, "enrol", asked)  # a cashier proposes it: head office goes by the role
        on = terminal.operators.on() if is_page(request) else None
        return answer(
            replacing.replace_card(
                terminal,
                member,
                asked.new,
                old=asked.old,
                reason=asked.reason,
                operator=who.operator,
                role=on.role if on else "",
            )
        )

    @app.post(
        "/v1/activities",
        tags=[MEMBERS],
        summary="Something that gives points and is no sale",
        responses=answers(Given, "What it gave; 0 where limits leave nothing."),
    )
    def activity(asked: requests.ActivityAsked, request: Request, key: KeyInHeader = "") -> Response:
        """An activity of the programme by its name, or a reload. `(till, ref)` names it: the same again does nothing more.

        For programs that have seen it happen. A person who gives points proposes that at head office."""
        require_program(request, "Activities and reloads are told", "Goodwill is given at head office.")

        def work() -> Any:
            who = by(terminal, request, "enrol", asked)
            done = activities.record(
                terminal.checkout,
                asked.till,
                asked.ref,
                asked.member,
                activity=asked.activity,
                reload_minor=asked.reload_minor or 0,
                operator=who.operator,
                shift=who.shift,
            )
            terminal.recorded("members")
            return done

        return answer(Asked.by(terminal, request, asked).once(work))

    @app.get(
        "/v1/members/{member}",
        tags=[MEMBERS],
        summary="A member's points, without a sale",
        responses=answers(shapes.MemberShown, "What this till knows of the member, cards masked."),
    )
    def enquiry(member: RefInPath) -> Response:
        return answer(lookups.member_answer(terminal, member))

    @app.post(
        "/v1/members/{member}/enquiry",
        tags=[MEMBERS],
        summary="Print a member's balance, without a sale",
        responses=answers(shapes.SlipPrinted, "What became of the paper."),
    )
    def print_balance(member: RefInPath) -> Response:
        """The balance and the last five movements at this till. Nothing moves, and nothing is recorded."""
        slip = balances.slip_of(terminal, member)
        return answer(shapes.SlipPrinted.of(terminal.printer.print_slip(slip), slip))

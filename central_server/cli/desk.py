"""Commands of `pos-central` for what a person does about members and programmes. What is heavy is imported where it is used."""

from __future__ import annotations

import re
import sys
from csv import writer as csv_writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from central_server.reports.auditing import Audited
    from loyalty.program import Program

from central_server.cli.basics import (
    AsJson,
    Folder,
    Yes,
    clock_of,
    counted,
    counting,
    now,
    opened,
    print_json,
    read_program_file,
    read_text,
    stop,
)

Card = Annotated[str, typer.Argument(help="The member's card.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the journal.")]
By = Annotated[str, typer.Option(help="Who does it.")]
ApprovedBy = Annotated[str, typer.Option(help="Who allowed it: somebody else.")]
Remove = Annotated[bool, typer.Option("--remove", help="Take it away.")]
Until = Annotated[str, typer.Option(help="The last day, such as 2027-12-31; without it there is no end.")]

programs = typer.Typer(name="program", help="The programme in force, earlier and later ones.", no_args_is_help=True)
surprises = typer.Typer(name="surprise", help="The secret of the surprises, and its proof.", no_args_is_help=True)


class TakesNegative(TyperCommand):
    """A command with a number that may be below zero, which looks like an option unless -- stands before it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        before = args[: args.index("--")] if "--" in args else args
        for last, word in zip(["", *before], before, strict=False):
            if re.fullmatch(r"-[0-9]+", word) and not last.startswith("--"):
                stop(
                    f"{word} looks like an option.",
                    f"Put -- before card and points, at the end: pos-central {ctx.info_name} [OPTIONS] -- CARD {word}",
                    status=2,
                )
        return super().parse_args(ctx, args)


def add_to(app: typer.Typer) -> None:
    app.command(cls=TakesNegative)(adjust)
    for command in (reinstate, transfer, merge, segment, tier, recognise, audit):
        app.command()(command)
    app.command("donations")(list_donations)
    app.command("replace-card")(replace_card)
    app.command("import-balances")(import_balances)
    programs.command()(publish)
    programs.command("list")(list_programs)
    programs.command()(show)
    surprises.command()(reveal)
    surprises.command()(check)
    app.add_typer(programs)
    app.add_typer(surprises)


# -- members -------------------------------------------------------------------------------------------------------------


def adjust(
    folder: Folder,
    card: Card,
    points: Annotated[int, typer.Argument(help="So many more; after -- a number below zero takes them.")],
    reason: Reason,
    by: By,
    approved_by: ApprovedBy,
    goodwill: Annotated[
        bool, typer.Option("--goodwill", help="Given as a favour, not to put something right.")
    ] = False,
    case: Annotated[str, typer.Option(help="Your name for the case: the same again changes nothing.")] = "",
    as_json: AsJson = False,
) -> None:
    """Gives a member points, or takes them. Soonest expiry first, and what is not there is owed. Two people are needed."""
    from central_server.membership import desk, members

    with opened(folder) as office:
        who = desk.Who(reason, by, approved_by)
        member = members.of_card(office, card)
        done = desk.adjust(office, member, points, who, is_goodwill=goodwill, document=case)
    if as_json:
        print_json({"card": card, **msgspec.structs.asdict(done)})
        return
    owed = f"; {done.owed:,} are owed" if done.owed else ""
    if done.is_new:
        print(f"{_signed(points)} for {card}: the balance was {done.before:,} and is {done.after:,}{owed}.")
    else:
        print(
            f"The case {case} was booked before: {_signed(points)} for {card}. Nothing was changed; the balance is "
            f"{done.after:,}{owed}."
        )


def _signed(points: int) -> str:
    return ("+" if points > 0 else "") + counted(points, "point")


def reinstate(
    folder: Folder, card: Card, reason: Reason, by: By, approved_by: ApprovedBy, as_json: AsJson = False
) -> None:
    """Brings back points that have expired. Within the programme's reinstate_days. Two people are needed."""
    from central_server.membership import desk, members

    with opened(folder) as office:
        done = desk.reinstate(office, members.of_card(office, card), desk.Who(reason, by, approved_by))
    if as_json:
        print_json({"card": card, **msgspec.structs.asdict(done)})
        return
    owed = f"; {done.owed:,} are owed" if done.owed else ""
    print(
        f"{counted(done.points, 'point')} came back to {card}, through {done.last_day}: the balance was {done.before:,} and is "
        f"{done.after:,}{owed}."
    )


def transfer(
    folder: Folder,
    giver: Annotated[str, typer.Argument(metavar="FROM", help="The card that gives.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="The card that gets.")],
    points: Annotated[int, typer.Argument(help="So many.", min=1)],
    reason: Reason,
    by: By,
    approved_by: ApprovedBy,
    as_json: AsJson = False,
) -> None:
    """Moves points from one member to another. Those that can be spent; each keeps its expiry. Two people are needed."""
    from central_server.membership import desk, members

    with opened(folder) as office:
        one, other = members.of_card(office, giver), members.of_card(office, to)
        desk.transfer(office, one, other, points, desk.Who(reason, by, approved_by))
    if as_json:
        print_json({"from": giver, "to": to, "points": points})
    else:
        print(f"{counted(points, 'point')} went from {giver} to {to}.")


def merge(
    folder: Folder,
    card: Annotated[str, typer.Argument(help="The card of the member who becomes the other.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="The card of the member who stays.")],
    reason: Reason,
    by: By,
    approved_by: ApprovedBy,
    as_json: AsJson = False,
) -> None:
    """Makes two members one. Points, debt, history and all cards are the one's who stays. Two people are needed."""
    from central_server.membership import desk, members

    with opened(folder) as office:
        one, stays = members.of_card(office, card), members.of_card(office, into)
        desk.merge(office, one, stays, desk.Who(reason, by, approved_by))
    if as_json:
        print_json({"card": card, "into": into})
    else:
        print(f"{card} and {into} are one member now. Tills hear of it with their next exchange.")


def replace_card(
    folder: Folder,
    card: Card,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The card that takes its place.")],
    reason: Reason,
    by: By,
    as_json: AsJson = False,
) -> None:
    """Gives a member a new card for an old one. The old one was lost or is worn, and is nobody's from then on."""
    from central_server.membership import desk

    with opened(folder) as office:
        desk.replace_card(office, card, new, desk.Who(reason, by))
    if as_json:
        print_json({"card": card, "new": new})
    else:
        print(f"{new} takes the place of {card}. Tills forget {card} with their next exchange.")


def segment(
    folder: Folder,
    card: Card,
    name: Annotated[str, typer.Argument(help="The segment, as the programme names it.")],
    reason: Reason,
    by: By,
    until: Until = "",
    remove: Remove = False,
    as_json: AsJson = False,
) -> None:
    """Says that a member belongs to a segment. It was verified: a student, a member of staff."""
    from central_server.membership import desk, members

    _not_both(until, remove)
    with opened(folder) as office:
        last = desk.last_day(until) if until else ""
        member = members.of_card(office, card)
        desk.set_segment(office, member, name, None if remove else last, desk.Who(reason, by))
    if as_json:
        print_json({"card": card, "segment": name, "until": last, "removed": remove})
    else:
        print(f"{card} is no longer {name}." if remove else f"{card} is {name}{f' until {last}' if last else ''}.")


def tier(
    folder: Folder,
    card: Card,
    name: Annotated[str, typer.Argument(help="The tier, as the programme names it.")],
    reason: Reason,
    by: By,
    approved_by: ApprovedBy,
    until: Until = "",
    remove: Remove = False,
    as_json: AsJson = False,
) -> None:
    """Gives a member a tier, or takes it away. Whatever they have earned; only a given one is taken. Two people are needed."""
    from central_server.membership import desk, members

    _not_both(until, remove)
    with opened(folder) as office:
        last = desk.last_day(until)
        member = members.of_card(office, card)
        desk.set_tier(office, member, name, None if remove else last, desk.Who(reason, by, approved_by))
    if as_json:
        print_json({"card": card, "tier": name, "until": "" if remove else last, "removed": remove})
    elif remove:
        print(f"{card} is no longer given {name}; a tier that was earned stays.")
    else:
        print(f"{card} is {name}{f' until {last}' if until else ''}.")


def _not_both(until: str, remove: bool) -> None:
    if until and remove:
        stop("--until and --remove do not go together.", "Say one of them.", status=2)


def recognise(
    folder: Folder,
    giver: Annotated[str, typer.Argument(metavar="FROM", help="The card of the colleague who gives.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="The card of the colleague who gets.")],
    points: Annotated[int, typer.Argument(help="So many, out of the giver's allowance.", min=1)],
    reason: Annotated[str, typer.Option(help="What for.")],
    as_json: AsJson = False,
) -> None:
    """Thanks a colleague with points. They come from the allowance that the programme's [recognition] gives to each."""
    from central_server.membership import desk, members

    with opened(folder) as office:
        one, other = members.of_card(office, giver), members.of_card(office, to)
        left = desk.recognise(office, one, other, points, reason)
    if as_json:
        print_json({"from": giver, "to": to, "points": points, "left": left})
    else:
        print(f"{counted(points, 'point')} for {to}; {giver} can give {left:,} more.")


def import_balances(
    folder: Folder,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV: card,points,expires_on,tier,tier_until,aliases,name. expires_on is the first day without the points; "
            "last_day, the last day with them, is taken instead."
        ),
    ],
    shop: Annotated[list[str] | None, typer.Option(help="The shop whose tills know them; repeat it for more.")] = None,
    any_card: Annotated[
        bool,
        typer.Option("--any-card", help="Take cards of another system, too, that are none by the programme's [cards]."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Takes over balances from another system. All problems are told at once, and the same file again changes nothing."""
    from sqlalchemy import select

    from central_server import schema
    from central_server.membership import opening

    text = read_text(file, "the file")
    with opened(folder) as office:
        with office.database.reading() as connection:
            shops = sorted(connection.scalars(select(schema.shop.c.shop)).all())
        unknown = [name for name in shop or [] if name not in shops]
        if unknown or (not shop and len(shops) != 1):
            stop(
                f"there is no shop {unknown[0]}."
                if unknown
                else "there are several shops: say whose tills know these members.",
                f"--shop: {', '.join(shops)}.",
                status=2,
            )
        try:
            found = opening.read(office, text, takes_any_card=any_card)
        except opening.FileProblems as wrong:
            if as_json:
                print_json({"problems": wrong.problems})
            else:
                print("\n".join([f"{file}:", *(f"  {line}" for line in wrong.problems), str(wrong)]), file=sys.stderr)
            raise typer.Exit(1) from None
        with counting("Taking over", as_json, "members", len(found)) as told:
            taken = opening.take_over(office, found, shop or shops, told)
    if as_json:
        print_json(taken)
    else:
        again = f"; {counted(taken.again, 'lot')} had been taken over before" if taken.again else ""
        what = f"{counted(taken.members, 'member')}, {counted(taken.lots, 'lot')}, {counted(taken.points, 'point')}"
        print(f"{what} taken over{again}.")


def list_donations(
    folder: Folder,
    csv: Annotated[
        bool, typer.Option("--csv", help="Answer as month,charity,currency,minor,sales,returned_minor.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What each charity is to get, by month. Of the sales, less what came back since."""
    from central_server.reports.donations import Donation, donations
    from loyalty.words import money

    with opened(folder) as office:
        found = donations(office)
    if as_json:
        print_json(found)
    elif csv:
        rows = csv_writer(sys.stdout, lineterminator="\n")
        rows.writerow(Donation.__struct_fields__)
        rows.writerows(msgspec.structs.astuple(one) for one in found)
    else:
        for one in found:
            back = f", less {money(one.returned_minor, 'en')} of what came back" if one.returned_minor else ""
            amount = f"{money(one.minor, 'en'):>10} {one.currency} of {counted(one.sales, 'sale')}{back}"
            print(f"{one.month}  {amount}  {one.charity}")
        if not found:
            print("Nothing has been donated.")


def audit(folder: Folder, as_json: AsJson = False) -> None:
    """Computes every award again, and lists what differs. By shop and cashier; then what is worth a look."""
    from central_server.reports import auditing

    with opened(folder) as office, counting("Computing again", as_json, "entries") as told:
        found = auditing.audit(office, told)
    if as_json:
        print_json(found)
    else:
        _tell(found)
    if found.differences:
        raise typer.Exit(1)


def _tell(found: Audited) -> None:
    for one in found.differences:
        print(one.text)
    if found.differences:
        print("By shop and cashier:")
        for who, count in found.by.items():
            print(f"  {count:>6,}  {who}")
    else:
        print(f"{found.entries:,} entries compute to what they say.")
    for who, kinds in found.done.items():
        print(f"  {who}: {', '.join(f'{count:,} {kind}' for kind, count in kinds.items())}")
    for allowed in found.allowed:
        print(allowed.text)
    if found.outliers or found.claimed:
        print("Worth a look, and not wrong by itself:")
        for odd in found.outliers:
            print(f"  {odd.text}")
        for claimed in found.claimed:
            print(f"  {claimed.text}")


# -- programmes ----------------------------------------------------------------------------------------------------------


def publish(
    folder: Folder,
    file: Annotated[str, typer.Argument(metavar="FILE|PRESET", help="The programme: a TOML file, or a preset's name.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Puts a programme in force, at once or later. From the shop-local time of its `effective`; the tills hear of it at once.

    First it tells what is doubtful in it, what is in force now and what will be, and asks.
    """
    from central_server.programs import publishing
    from loyalty.doubts import doubts
    from loyalty.experiment_doubts import changes

    with opened(folder) as office:
        program = read_program_file(file)
        with office.database.reading() as connection:
            publishing.check(office, connection, program)
            current, coming = office.program(connection), office.programs_to_come(connection)
            today = office.today(connection)
            doubtful = [*doubts(program, today), *(changes(current, program, today) if current else [])]
        if current is None or program.id != current.id:
            is_later = program.effective > now_at(program)
            lines = [f"{file} can be used, but see:", *(f"  {doubt}." for doubt in doubtful)] if doubtful else []
            lines.append(f"In force now:     {current.id if current else 'none'}")
            lines += [f"To come:          {one.id} at {one.effective}" for one in coming if one.id != program.id]
            when = (
                f"at {program.effective}, by the shops' clocks" if is_later else "at once, at every till that is online"
            )
            lines.append(f"To be published:  {program.id}, {when}")
            print("\n".join(lines), file=sys.stderr)
            if not yes:
                typer.confirm("Publish it?", abort=True, err=True)
        done = publishing.publish(office, program)
    if as_json:
        print_json({**msgspec.structs.asdict(done), "doubts": doubtful})
        return
    if not done.is_new:
        print(f"{done.program} is in force already.")
    elif done.effective:
        print(f"{done.program} takes effect at {done.effective}, by the shops' clocks.")
    else:
        print(f"{done.program} is in force.")
    if done.seed_hash:
        print(
            f"Publish this before the first sale: the surprises are drawn from a secret whose SHA-256 is\n{done.seed_hash}"
        )


def list_programs(folder: Folder, as_json: AsJson = False) -> None:
    """All versions: over, in force, and to come."""
    from central_server.programs import publishing

    with opened(folder) as office:
        found, at = publishing.versions(office), clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        state = f"from {one.effective}" if one.state == "to come" else one.state
        print(f"{one.program}  {state:<24} published {at(one.published_at)}")


def show(
    folder: Folder,
    program: Annotated[
        str, typer.Argument(metavar="[ID]", help="As `program list` has it; without it, in force.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Prints a version as TOML. To go back to it, give the file a higher version and publish that."""
    from central_server.programs import publishing

    with opened(folder) as office:
        found = publishing.shown(office, program)
    if as_json:
        print_json({"program": found.id, "text": found.text})
    else:
        typer.echo(found.text, nl=not found.text.endswith("\n"))


def now_at(program: Program) -> str:
    """This moment by a programme's clocks, as `effective` is written."""
    return now().astimezone(program.zone).replace(tzinfo=None).isoformat(timespec="seconds")


def reveal(folder: Folder, yes: Yes = False, as_json: AsJson = False) -> None:
    """Ends the surprises and tells their secret. From it anyone can draw them again."""
    from central_server.programs import surprises as secret
    from loyalty.surprise import seed_hash

    with opened(folder) as office:
        if not yes:
            print("Nothing is drawn with this secret any more: the next programme gets another.", file=sys.stderr)
            typer.confirm("Tell it?", abort=True, err=True)
        seed = secret.reveal(office)
    hashed = seed_hash(bytes.fromhex(seed))
    if as_json:
        print_json({"seed": seed, "seed_hash": hashed})
        return
    print(f"The secret is {seed}\nIts SHA-256, published before: {hashed}")
    print(
        "A till's key is HMAC-SHA256(secret, 'surprise/' + till). The n-th sale of a member there is lucky where the first four "
        "bytes of HMAC-SHA256(key, member + '/' + n) are below the chance; every at_least_every-th sale since the last lucky one "
        "wins, too.\nAll sales again: pos-central surprise check " + seed
    )


def check(
    folder: Folder,
    seed: Annotated[str, typer.Argument(help="The secret, in hex.")],
    as_json: AsJson = False,
) -> None:
    """Draws every recorded sale again and lists what differs."""
    from central_server.programs import surprises as secret

    try:
        drawn = bytes.fromhex(seed)
    except ValueError:
        stop("a secret is written in hex.", status=2)
    with opened(folder) as office:
        found = list(secret.checked(office, drawn))
    if as_json:
        print_json(found)
    else:
        print("\n".join(one.text for one in found) or "Every sale was drawn as this secret says.")
    if found:
        raise typer.Exit(1)

"""Commands of `pos-central` for member codes: cards that are blocked, signed tokens, passes on phones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from typer.core import TyperGroup

from central_server.cli.basics import AsJson, Folder, clock_of, counted, opened, print_json, stop
from central_server.cli.desk import Card, replace_card

if TYPE_CHECKING:
    from central_server.membership.tokens import Listed


class IssuesByDefault(TyperGroup):
    """`token CARD` is `token issue CARD`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        is_card = bool(args) and args[0] not in self.commands and args[0] not in ("--help", "--version")
        return super().parse_args(ctx, ["issue", *args] if is_card else args)


cards = typer.Typer(name="card", help="Cards that nobody may use any more.", no_args_is_help=True)
tokens = typer.Typer(
    name="token",
    cls=IssuesByDefault,
    help="Member tokens: codes that any till can check by itself.",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    cards.command()(block)
    cards.command()(unblock)
    cards.command("replace")(replace_card)
    cards.command("list")(list_cards)
    tokens.command()(issue)
    tokens.command()(revoke)
    tokens.command("list")(list_tokens)
    app.command("pass")(make_pass)
    app.add_typer(cards)
    app.add_typer(tokens)


# -- cards ---------------------------------------------------------------------------------------------------------------


def block(
    folder: Folder,
    card: Card,
    why: Annotated[str, typer.Option(metavar="lost|stolen", help="What happened to it.")],
    as_json: AsJson = False,
) -> None:
    """Blocks a card: nobody is known by it any more. At any till of any shop, once it has heard of it."""
    from central_server.membership.cards import block

    with opened(folder) as office:
        is_somebodys = block(office, card, why)
    if as_json:
        print_json({"card": card, "why": why, "known": is_somebodys})
        return
    print(f"{card} is blocked ({why}). Tills refuse it once they have heard, also while they are offline.")
    if not is_somebodys:
        print("Nobody is known by it here: see that the number is right.")


def unblock(folder: Folder, card: Card, as_json: AsJson = False) -> None:
    """The card was found: it is as good as before."""
    from central_server.membership.cards import unblock

    with opened(folder) as office:
        is_somebodys = unblock(office, card)
    if as_json:
        print_json({"card": card, "known": is_somebodys})
        return
    print(f"{card} is not blocked any more. Tills take it again with their next exchange.")
    if not is_somebodys:
        print("Nobody is known by it here: who joins with it is a new member.")


def list_cards(folder: Folder, as_json: AsJson = False) -> None:
    """The cards that are blocked, the latest first."""
    from central_server.membership.cards import blocked

    with opened(folder) as office:
        found, at = blocked(office), clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        name = one.card or f"a card whose number is forgotten ({one.card_hash[:8]})"
        print(f"{name:>20}  {one.why:<8}  since {at(one.since)}")
    if not found:
        print("No card is blocked.")


# -- tokens --------------------------------------------------------------------------------------------------------------


def issue(
    folder: Folder,
    card: Annotated[str, typer.Argument(help="A card of the member.")] = "",
    member: Annotated[str, typer.Option(metavar="REF", help="The member's reference, instead of a card.")] = "",
    until: Annotated[str, typer.Option(metavar="DAY", help="The last day of use; without it a year from today.")] = "",
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Writes its QR code as a picture.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Writes its QR code as a drawing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Signs a token for a member. Any till can check its code by itself, also one that never saw the member."""
    from central_server.membership import members
    from central_server.membership.tokens import issue

    if not card and not member:
        stop("Whose token? Name the member by a card, or by --member.", status=2)
    if card and member:
        stop("Name the member by a card or by --member, not by both.", status=2)
    for file in (png, svg):
        if file is not None and file.exists():
            stop(f"{file} is there already.", "Choose another name.", status=2)
    with opened(folder) as office:
        issued = issue(office, member or members.of_card(office, card), until)
        for file, kind in ((png, "png"), (svg, "svg")):
            if file is not None:
                _draw(issued.text, file, kind)
    if as_json:
        print_json(issued)
        return
    print(issued.text)
    print(f"Serial {issued.serial}, good through {issued.last_day}. Whoever shows this code is taken for the member.")
    print(f"To take it back: pos-central token revoke {issued.serial}")


def _draw(text: str, file: Path, kind: str) -> None:
    """For its owner alone: the picture is as good as the card."""
    import segno

    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        segno.make_qr(text, error="m").save(out, kind=kind, scale=8, border=4)


def revoke(
    folder: Folder,
    serial: Annotated[str, typer.Argument(help="The token's serial, as `token list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Takes a token back. Tills refuse it once they have heard, also while they are offline."""
    from central_server.membership.tokens import revoke

    with opened(folder) as office:
        revoked = revoke(office, serial)
    if as_json:
        print_json(revoked)
        return
    print(f"Token {revoked.serial} is revoked.")
    if not revoked.member:
        print("Head office does not know of it (any more): see that the serial is right.")


def list_tokens(
    folder: Folder,
    card: Annotated[str, typer.Option(help="Of the member with this card; without it of everybody.")] = "",
    as_json: AsJson = False,
) -> None:
    """The tokens of a member, or of all, the latest first. Those that are not over yet."""
    from central_server.membership import members
    from central_server.membership.tokens import listed

    with opened(folder) as office:
        found, at = listed(office, members.of_card(office, card) if card else ""), clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        print(f"{one.serial}  {one.member or '(forgotten)':<16}  {_days(one, at)}")
    print(f"{counted(len(found), 'token')}." if found else "There is no token.")


def _days(token: Listed, at: Callable[[str], str]) -> str:
    if token.revoked_at:
        return f"revoked {at(token.revoked_at)[:10]}"
    return f"from {token.issued_on} through {token.last_day}"


# -- passes --------------------------------------------------------------------------------------------------------------


def make_pass(
    folder: Folder,
    card: Card,
    new: Annotated[bool, typer.Option("--new", help="Another key: the pass before is worth nothing any more.")] = False,
    algorithm: Annotated[str, typer.Option(metavar="sha1|sha256", help="Google Wallet knows sha1 alone.")] = "sha1",
    period: Annotated[int, typer.Option(metavar="SECONDS", help="How long a code lasts.")] = 30,
    as_json: AsJson = False,
) -> None:
    """What to put into a member's wallet pass. Its code changes with the time."""
    from central_server.membership.passes import make
    from ledger.passes import DIGITS, value_pattern

    with opened(folder) as office:
        made = make(office, card, anew=new, algorithm=algorithm, period_s=period)
    totp = {
        "periodMillis": str(1000 * made.period_s),
        "algorithm": f"TOTP_{made.algorithm.upper()}",
        "parameters": [{"key": made.key, "valueLength": DIGITS}],
    }
    barcode = {"type": "QR_CODE", "valuePattern": value_pattern(card), "totpDetails": totp}
    if as_json:
        print_json({"card": card, "rotatingBarcode": barcode})
        return
    print(
        "This is secret: whoever has it can make the codes of this card. Put it into the pass and keep it nowhere else."
    )
    print(msgspec.json.format(msgspec.json.encode({"rotatingBarcode": barcode})).decode())

"""What a member's own page says, in English; the catalogue has the rest."""

from __future__ import annotations

from loyalty.words import text

WORDS = {
    "title": text("Your points"),
    "balance": text("You have {points}."),
    "owed": text("Still to be made up for, from a purchase that came back: {points}"),
    "later": text("Points that you can use later"),
    "first": text("First day"),
    "ends": text("When they end"),
    "points": text("Points"),
    "through": text("Last day"),
    "never": text("never"),
    "tier": text("Your tier"),
    "answers": text("What you asked"),
    "said": text("You said"),
    "reply": text("Our answer"),
    "happened": text("What happened"),
    "earlier": text("Earlier"),
    "nothing": text("Nothing yet."),
    "charity": text("Your charity"),
    "choose": text("Choose"),
    "consent": text("What you agree to"),
    "agrees": text("You have agreed. You can take it back at any time."),
    "agrees_not": text("You have not agreed to anything."),
    "agree": text("I agree"),
    "withdraw": text("Take it back"),
    "forgot": text("A purchase without your card?"),
    "receipt": text("Number at the end of the receipt"),
    "ask": text("Ask us"),
    "question": text("What would you like to know?"),
    "send": text("Send"),
    "data": text("All that we know of you"),
    "download": text("Download it"),
    "leave": text("Leave the programme"),
    "leave_text": text(
        "Your points are lost, and name, phone number and cards are forgotten. We do it within a few days."
    ),
    "leave_sure": text("I am sure"),
    "found": text("This page was opened by a receipt: for more than this, use the link that is yours."),
}

KINDS = {
    "sale": text("Purchase"),
    "return": text("Goods returned"),
    "claim": text("Purchase, added later"),
    "give": text("Points given or corrected"),
    "join": text("Joined"),
    "consent": text("What you agree to"),
    "settle": text("Settled by head office"),
}

GIVEN = {
    "join": text("For joining"),
    "reload": text("For loading stored value"),
    "birthday": text("For your birthday"),
    "referral": text("For bringing a friend"),
    "feedback": text("For your feedback"),
    "goodwill": text("As goodwill"),
    "adjustment": text("Corrected by us"),
    "opening": text("Taken over from the programme before"),
    "transfer": text("From another member"),
    "reinstate": text("Points that had ended, given back"),
    "recognition": text("A colleague says thank you"),
    "merge": text("From another card of yours"),
}
"""What points were given for without a purchase, by the entry's `why`."""
TAKEN = {
    "feedback": text("For your feedback, taken back: the purchase came back"),
    "transfer": text("To another member"),
}
"""The same where points went."""
SETTLED = {
    "expired": text("Points ended"),
    "reinstated": GIVEN["reinstate"],
    "written off": text("What was owed was written off"),
}
"""By the `cause` of what head office settled."""

TOPICS = {
    "points": text("Points are missing"),
    "reward": text("A reward"),
    "card": text("The card"),
    "data": text("Personal data"),
    "other": text("Something else"),
}

STATUSES = {
    "open": text("not answered yet"),
    "answered": text("answered"),
    "closed": text("closed"),
}

OFFICE = text("Head office")
TIER_ENDS = text("{tier} until {day}")
TIER_NEXT = text("{much} to {tier}")
VISIT, VISITS = text("visit"), text("visits")

ANSWERED = text("Thank you. Your number is {ticket}: the answer comes here, and when you next show your card.")
DONE = text("It is done.")
REFUSED = text("That could not be done. Nothing was changed.")
WAIT = text("Some of your questions wait for an answer already. This one was not kept.")
NOT_SURE = text("Tick that you are sure, and send it again. Nothing was changed.")
NO_WORDS = text("Write what you would like to know, in up to 2000 characters. Nothing was kept.")

CLAIMS = {
    "mistyped": text("This is no number of a receipt, or one letter of it is wrong. It looks like 7K3M2P-17-6."),
    "unknown": text("We know no purchase of this number. Compare it with the receipt, letter by letter."),
    "early": text(
        "We have not heard of this purchase yet: the shop may be without a network. Please try again tomorrow."
    ),
    "counted": text("The points of this purchase are on a card already."),
    "returned": text("All of this purchase came back: it has no points."),
    "late": text("The points of this purchase could be added until {day}. It is too late now."),
    "never": text("Points cannot be added to a purchase later."),
    "again": text("You have asked for these points already: your number is {ticket}."),
}
"""Why the points of a purchase are not asked for, by the outcome of a claim."""

"""What a till that speaks Toast's loyalty contract sends and is answered: the names are Toast's, and so is their case.

From the reference of its loyalty integration API (doc.toasttab.com: LoyaltyTransaction, LoyaltyTransactionResponse, Check,
Redemption). Toast adds fields as it likes, so what is not known here is passed over. Amounts are decimals of the currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from pos_plugin.local_api.requests import MOST_LINES

TYPES = ("LOYALTY_SEARCH", "LOYALTY_INQUIRE", "LOYALTY_REDEEM", "LOYALTY_ACCRUE", "LOYALTY_REVERSE")
LONGEST_TEXT = 255
"""Of what Toast prints or shows to a guest."""

Text = Annotated[str, Field(max_length=200)]
Amount = Annotated[Decimal, Field(ge=-(10**9), le=10**9)]


class Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Entity(Told):
    guid: Text | None = None
    externalId: Text | None = None


class Discount(Told):
    discountAmount: Amount | None = None
    loyaltyDetails: dict[str, Any] | None = None


class Selection(Told):
    guid: Text | None = None
    displayName: Text | None = None
    price: Amount | None = None
    quantity: Amount | None = None
    voided: bool | None = None
    item: Entity | None = None
    salesCategory: Entity | None = None
    appliedDiscounts: Annotated[list[Discount], Field(max_length=MOST_LINES)] | None = None


class Check(Told):
    """`amount` is what the guest owes before tax and after all discounts, Toast's and ours."""

    guid: Annotated[str, Field(min_length=1, max_length=56, pattern=r"^[0-9A-Za-z_.:-]+$")]
    amount: Amount | None = None
    totalAmount: Amount | None = None
    taxAmount: Amount | None = None
    paidDate: Text | None = None
    closedDate: Text | None = None
    selections: Annotated[list[Selection], Field(max_length=MOST_LINES)] | None = None
    appliedDiscounts: Annotated[list[Discount], Field(max_length=MOST_LINES)] | None = None


class Redemption(BaseModel):
    """An offer that the guest uses; what else Toast says of it is sent back with it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    identifier: Text
    amount: Annotated[Amount, PlainSerializer(float, when_used="json")] | None = None  # as Toast sent it
    quantity: Annotated[int, Field(ge=0, le=1000)] | None = None


class SearchCriteria(Told):
    firstName: Text | None = None
    lastName: Text | None = None
    email: Text | None = None
    phone: Text | None = None


class SearchInformation(Told):
    searchCriteria: SearchCriteria


class CheckInformation(Told):
    check: Check
    loyaltyIdentifier: Text | None = None
    redemptions: Annotated[list[Redemption], Field(max_length=20)] | None = None


class ReverseInformation(Told):
    transactionId: Annotated[str, Field(min_length=1, max_length=64)]
    loyaltyIdentifier: Text | None = None


class ToastAsked(Told):
    """One transaction; its type stands in the header, too."""

    toastTransactionType: Text | None = None
    searchTransactionInformation: SearchInformation | None = None
    checkTransactionInformation: CheckInformation | None = None
    reverseTransactionInformation: ReverseInformation | None = None


class ToastAccount(msgspec.Struct, frozen=True, rename="camel"):
    """A member. The identifier is a random reference; Toast's POS shows the name, of which this till has the initials."""

    identifier: str
    first_name: str
    last_name: str
    phone: str = ""
    email: str = ""
    points_balance: int = 0


class ToastOffer(msgspec.Struct, frozen=True, rename="camel"):
    identifier: str
    name: str
    applicable: bool
    amount: str
    selection_type: Literal["CHECK"] = "CHECK"
    quantity: int = 1


class ToastRejected(msgspec.Struct, frozen=True, rename="camel"):
    redemption: dict[str, Any]
    message: str


class ToastSearch(msgspec.Struct, frozen=True, rename="camel"):
    accounts: list[ToastAccount]


class ToastCheck(msgspec.Struct, frozen=True, rename="camel"):
    account_info: ToastAccount | None
    offers: list[ToastOffer] = []
    applied_redemptions: list[dict[str, Any]] = []
    rejected_redemptions: list[ToastRejected] = []
    user_message: str = ""


class ToastReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`transaction_status` is ACCEPT, or an ERROR with its message."""

    transaction_status: str
    search_response: ToastSearch | None = None
    check_response: ToastCheck | None = None
    message: str = ""


def minor(amount: Decimal | None) -> int:
    """Minor units of a decimal amount; Toast's may carry the dust of binary fractions.

    >>> minor(Decimal("87.92")), minor(Decimal("5.49612811")), minor(None)
    (8792, 550, 0)
    """
    return int((amount * 100).to_integral_value()) if amount is not None else 0


def in_decimals(minor_units: int) -> str:
    """
    >>> in_decimals(232), in_decimals(5)
    ('2.32', '0.05')
    """
    return f"{minor_units // 100}.{minor_units % 100:02d}"

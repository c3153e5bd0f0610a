"""The world's currencies, as far as a till needs to know them: which there are, which have hundredths, which sign they bear."""

from __future__ import annotations

CODES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV
    WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a table, to be read
)
"""What is legal tender somewhere (ISO 4217)."""

WITHOUT_CENTS = frozenset(
    "BHD BIF CLP DJF GNF IQD ISK JOD JPY KMF KRW KWD LYD OMR PYG RWF TND UGX UYI VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
"""Currencies whose minor unit is not a hundredth (ISO 4217)."""

SIGNS = {"EUR": "€", "GBP": "£", "TRY": "₺", "USD": "$"}
"""The sign that people write at home (CLDR). A currency without one is written by its code."""


def why_not(code: str) -> str:
    """Why a programme cannot count in this, in a few words; '' where it can.

    >>> why_not("EUR"), why_not("XXY")
    ('', 'there is no currency XXY (ISO 4217); write for example EUR')
    """
    if code not in CODES:
        return f"there is no currency {code} (ISO 4217); write for example EUR"
    if code in WITHOUT_CENTS:
        return f"{code} has no hundredths, and receipts of this version print amounts with two decimals"
    return ""

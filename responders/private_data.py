"""Find what should not stand in a public answer: addresses, phone, card and identity numbers, order numbers.

Platform ids and links are long runs of digits too. So links are left out, and a run counts as a phone or order
number only where its form or the words beside it say so.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Found(NamedTuple):
    """One find: what it is and where it stands."""

    kind: str
    """`email`, `phone`, `card`, `identity` or `order`."""
    start: int
    end: int
    value: str
    """Without spaces and separators."""


_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.ASCII)
_DIGITS = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)", re.ASCII)
_IDENTITY = re.compile(r"(?<!\w)\d{17}[\dXx](?!\w)", re.ASCII)
_PHONE = re.compile(
    r"(?<![\w+])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}"  # +44 20 7946 0958
    r"|\(\d{2,4}\)[ .-]?\d{3,4}[ .-]?\d{3,4}"  # (02) 2712 3456
    r"|\d{3}[ .-]\d{3}[ .-]\d{4}"  # 555-010-1234
    r"|0\d{1,4}[ -]\d{3,4}[ -]?\d{3,4}"  # 0800 123 4567
    r"|1[3-9]\d{9}|09\d{8})(?!\w)",  # mobile numbers of mainland China and of Taiwan
    re.ASCII,
)
_ORDER_WORD = "|".join(
    [
        *(
            "order",
            "booking",
            "reservation",
            "parcel",
            "tracking",
            "ticket",
            "account",
            "订单",
            "訂單",
            "单号",
            "單號",
        ),
        *("账号", "帳號", "賬號", "编号", "編號", "运单", "預訂", "预订"),
    ]
)
_ORDER = re.compile(
    rf"(?:{_ORDER_WORD})" + r"(?:\s*(?:number|no\.?|id|号|號|号码|號碼|是|为|為))?\s*[:：#]?\s*#?"
    r"(?P<code>(?=[A-Za-z-]*\d)[A-Za-z0-9][A-Za-z0-9-]{4,29})",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[ ().-]")


def find_private(text: str) -> list[Found]:
    """Everything found, in the order of the text; the same stretch is reported once, as the gravest kind."""
    masked = _LINK.sub(lambda link: " " * len(link.group()), text)
    taken: list[Found] = []
    for found in (*_cards(masked), *_identities(masked), *_plain(masked)):
        if all(found.end <= other.start or found.start >= other.end for other in taken):
            taken.append(found)
    return sorted(taken, key=lambda found: found.start)


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, sign in enumerate(reversed(digits)):
        number = int(sign) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _cards(text: str) -> Iterator[Found]:
    for found in _DIGITS.finditer(text):
        digits = _SEPARATORS.sub("", found.group())
        # Card numbers begin with 2 to 6; zeros only would pass the check digit.
        if digits[0] in "23456" and luhn(digits) and len(set(digits)) > 1:
            yield Found("card", found.start(), found.end(), digits)


def _identities(text: str) -> Iterator[Found]:
    """Identity numbers of mainland China (GB 11643): 17 digits and a check sign."""
    for found in _IDENTITY.finditer(text):
        digits = found.group().upper()
        total = sum(int(sign) * (pow(2, 17 - place, 11)) for place, sign in enumerate(digits[:17]))
        if "10X98765432"[total % 11] == digits[17]:
            yield Found("identity", found.start(), found.end(), digits)


def _plain(text: str) -> Iterator[Found]:
    for found in _EMAIL.finditer(text):
        yield Found("email", found.start(), found.end(), found.group().lower())
    for found in _ORDER.finditer(text):
        yield Found("order", found.start("code"), found.end("code"), found["code"].upper())
    for found in _PHONE.finditer(text):
        yield Found("phone", found.start(), found.end(), _SEPARATORS.sub("", found.group()))

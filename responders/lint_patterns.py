"""The phrases the linter looks for, in English, simplified and traditional Chinese."""

import re
from collections.abc import Sequence


def phrases(english: Sequence[str], chinese: Sequence[str] = ()) -> re.Pattern[str]:
    """One pattern for alternatives, ignoring case; English ones as whole words, also next to Chinese."""
    whole = f"(?<![A-Za-z0-9])(?:{'|'.join(english)})(?![A-Za-z0-9])"
    return re.compile("|".join([whole, *chinese]), re.IGNORECASE)


SECRET = phrases(
    [
        r"card (?:number|details)",
        r"(?:credit|debit) card",
        "cvv|cvc|security code",
        r"pass ?word|pass ?code|pin(?: code)?",
        r"passport(?: number)?",
        r"(?:national )?id (?:number|card|document)",
        "social security|ssn",
        r"one[- ]time (?:code|password)|verification code|otp",
        r"bank (?:account|details)|iban",
        "date of birth",
    ],
    [
        *(
            "卡号",
            "卡號",
            "信用卡",
            "密码",
            "密碼",
            "验证码",
            "驗證碼",
            "身份证",
            "身份證",
            "身分證",
            "护照",
            "護照",
        ),
        *("银行账", "銀行帳", "銀行賬", "安全码", "安全碼", "出生日期"),
    ],
)
"""What nobody should be asked for at all."""

CONTACT = phrases(
    [
        r"e-?mail(?: address)?",
        r"(?:phone|mobile)(?: number)?",
        r"(?:home|postal) address",
        "full name",
        r"(?:order|booking|account|tracking) (?:number|id)",
    ],
    [
        *(
            "邮箱",
            "郵箱",
            "電郵",
            "电子邮件",
            "電子郵件",
            "手机号",
            "手機號",
            "电话",
            "電話",
            "住址",
            "地址",
            "姓名",
        ),
        *("订单号", "訂單號", "訂單編號", "账号", "帳號", "賬號"),
    ],
)
"""What may be asked for in a direct message only."""

ASKING = phrases(
    [
        "send|share|give|tell|provide|post|comment|confirm",
        "reply with|let us (?:have|know)",
        "what(?:'s|’s| is) your|may we have|we need",
        "(?:e-?mail|dm) us your",
    ],
    [
        *("请.{0,8}(?:发|告|提供|回复|留|说|填)", "請.{0,8}(?:發|告|提供|回覆|留|說|填)", "提供"),
        *("告诉我们", "告訴我們", "留下", "发给", "發給", "回复您的", "回覆您的"),
    ],
)

NOT_ASKING = phrases(
    [
        "never",
        "do(?:n't|n’t| not)",
        "without|no need",
        "won't|won’t|will not",
        "not (?:share|send|post|ask)",
    ],
    ["请勿", "請勿", "不要", "切勿", "不会", "不會", "无需", "無需", "不用", "别在", "別在", "勿"],
)

PRIVATE_CHANNEL = phrases(
    ["dms?|pms?", "(?:direct|private) messages?", "privately", "message us", "inbox"],
    ["私信", "私訊", "私讯", "私聊", "站内信", "站內信"],
)

PLACEHOLDER = re.compile(
    "|".join(
        [
            r"\{\{|\}\}|\{%|%\}",
            r"\{[A-Za-z_ ]{2,30}\}",
            r"\[[A-Z][A-Z_ ]{1,30}\]",
            r"\[(?:your|agent|customer|first|last|brand|order|link|insert) [^\]\n]{0,30}\]",
            r"\[(?:name|link|date|brand|url)\]",
            r"<[a-z_ ]{2,30}>",
            "【(?:姓名|名字|链接|連結|日期|品牌|订单号|訂單編號)】",
            r"\bX{3,}\b|_{3,}|\bTODO\b|\bTBC\b|\b[Ll]orem ipsum\b",
        ]
    )
)

ADMISSION = phrases(
    [
        "(?:entirely |completely )?our (?:own )?(?:fault|negligence)",
        "(?:it|this) (?:is|was) our (?:own )?mistake",
        "we (?:are|were) (?:liable|at fault|negligent|to blame|(?:fully )?responsible)",
        "we (?:admit|accept (?:full )?(?:liability|responsibility|blame))",
        "we caused|we will compensate|we(?:'ll|’ll| will) pay for",
    ],
    [
        *("我们的(?:错|责任|过失)", "我們的(?:錯|責任|過失)", "承担.{0,4}责任", "承擔.{0,4}責任"),
        *("负全责", "負全責", "我们会赔偿", "我們會賠償"),
    ],
)

_NUMBER = r"(?:\d+|one|two|three|a few|an?)"
_SPAN = r"(?:(?:business|working) )?(?:minutes?|hours?|hrs?|days?|weeks?)"
_WILL = "(?:'ll|’ll| will)"
_MONEY_BACK = r"(?:refund(?:ed)?|replac(?:e|ed|ement)|compensat\w+|credit(?:ed)?)"

PROMISE = phrases(
    [
        rf"(?:within|in|inside|under) (?:the next )?{_NUMBER}[ -]?{_SPAN}",
        r"by (?:tomorrow|tonight|(?:the )?end of (?:the )?day|(?:mon|tues|wednes|thurs|fri)day)",
        r"guarantee[ds]?|we promise|will (?:never|not) happen again|full refund",
        rf"(?:we|you){_WILL} (?:be |get |receive |issue |give you )?(?:an? |the |your |you )?{_MONEY_BACK}",
    ],
    [
        r"[\d一二两兩三四五七十]+ ?[个個]?(?:分钟|分鐘|小时|小時|工作日|天|日|周|週)(?:之|以)?[内內]",
        *("今天之?[内內]", "明天之?前", "马上就会", "馬上就會", "保证", "保證", "承诺", "承諾", "一定[会會]"),
        *("全额退款", "全額退款", "[会會][给給为為]您?退款"),
    ],
)

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u180e\u200b-\u200c\u200e-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\ufff9-\ufffb\U000e0001]"
    # A joiner is visible between two pictures only.
    "|(?<![\ufe0f\u2600-\u27bf\U0001f300-\U0001faff\U0001f3fb-\U0001f3ff])\u200d"
)
"""Characters that a screen does not show, or that turn the order of the others."""

LINK = re.compile(r"https?://[^\s<>\"'）)，。]+", re.IGNORECASE)
SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'’]+")

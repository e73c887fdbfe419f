"""Which encoding a file is in: the byte-order mark, else UTF-8 if it is valid, else a guess that is stated.

Old Chinese encodings accept almost each other's every byte, so validity decides nothing between them. What
decides is how many of the decoded characters are ones that people really use: a right decoding of Chinese is
made of common characters by a third or more, a wrong one of rare characters.
"""

import codecs
import re
from dataclasses import dataclass, field

from listeners.files.records import Finding
from storage.errors import ConfigError

_SAMPLE = 200_000
_COMMON_CHINESE = frozenset(
    "的一是不了在人有我他这個个们們来來到时時大地为為子中你说說生国國年着著就那和要她出也得里裡后後自以会會家可"
    "下而过過天去能对對小多然于於心学學么麼之都好看起发發当當没沒成只如事把还還用第样樣道想作种種开開美总總从從无無"
    "情己面最女但现現前些所同日手又行意动動方期它头頭经經长長儿兒回位分爱愛老因很给給名法间間斯知世什两兩次使身者"
    "被高已亲親其进進此话話常与與活正感客服问問题題评評论論内內容用户戶产產品买買卖賣机機票店航班退款商质質量差好"
    "吗嗎呢吧啊谢謝请請再点點太真喜欢歡快慢送货貨收电電网網页頁号號系统統，。！？、：；“”《》（）"
)
_COMMON_WESTERN = frozenset("éèàùâêîôûëïüçœæÉÈÀÇäöüßÄÖÜñáíóúÁÍÓÚÑ¿¡ãõåøÅØ’‘“”–—…€£°«»·®™")
_ACCENTED_WORD = re.compile(r"[À-ÿ]{3,}")
_LEGACY = (
    ("gb18030", "simplified Chinese (GB18030)", _COMMON_CHINESE, 0.25),
    ("big5hkscs", "traditional Chinese (Big5)", _COMMON_CHINESE, 0.25),
    ("cp1252", "Western European (Windows-1252)", _COMMON_WESTERN, 0.8),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(slots=True)
class Evidence:
    """What one pass over the bytes learnt about their encoding."""

    head: bytes = b""
    bad: int = 0
    """Places that are not UTF-8."""
    multibyte: int = 0
    """Characters beyond ASCII that are valid UTF-8."""
    sample: bytearray = field(default_factory=bytearray)
    """Lines holding bytes beyond ASCII."""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"), repr=False
    )

    def add(self, chunk: bytes) -> None:
        """Take in the next bytes of the file."""
        if not self.head:
            self.head = chunk[:4096]
        self._count(self._decoder.decode(chunk), chunk.count(b"\xef\xbf\xbd"))
        if self.bad and len(self.sample) < _SAMPLE:
            for line in chunk.split(b"\n"):
                if not line.isascii():
                    self.sample += line[: _SAMPLE - len(self.sample)] + b"\n"

    def end(self) -> "Evidence":
        """Close the count: a character cut off at the very end is a bad place too."""
        self._count(self._decoder.decode(b"", True), 0)
        return self

    def _count(self, text: str, honest: int) -> None:
        if not text.isascii():
            bad = max(0, text.count("\ufffd") - honest)
            self.bad += bad
            self.multibyte += len(text) - len(text.encode("ascii", "ignore")) - bad


def choose_encoding(evidence: Evidence, wanted: str | None) -> tuple[str, str, list[Finding]]:
    """Name the codec, the reason for it, and what to tell the user.

    Raises:
        ConfigError: the wanted codec does not exist, or nothing fits and guessing would be a lie.
    """
    if wanted:
        try:
            return codecs.lookup(wanted).name, "as configured", []
        except LookupError:
            raise ConfigError(f"there is no encoding {wanted!r}; try utf-8, utf-16, gb18030 or big5") from None
    for mark, marked in _MARKS:
        if evidence.head.startswith(mark):
            return marked, "from its byte-order mark", []
    if codec := _by_zeros(evidence.head):
        return codec, "guessed from its zero bytes", [_stated(codec, "every other byte is zero")]
    if not evidence.bad:
        return "utf-8", "every byte is valid UTF-8" if evidence.multibyte else "plain ASCII", []
    if evidence.multibyte > 9 * evidence.bad:
        message = f"{evidence.bad} places are not UTF-8 and are shown as \ufffd"
        return "utf-8", "UTF-8 with broken places", [Finding("encoding", message, "warning", evidence.bad)]
    return _legacy(bytes(evidence.sample))


def _by_zeros(head: bytes) -> str | None:
    half = len(head) // 2
    if half < 8:
        return None
    if head[1::2].count(0) > 0.3 * half and head[::2].count(0) < 0.05 * half:
        return "utf-16-le"
    if head[::2].count(0) > 0.3 * half and head[1::2].count(0) < 0.05 * half:
        return "utf-16-be"
    return None


def _legacy(sample: bytes) -> tuple[str, str, list[Finding]]:
    ranked = sorted(
        ((_likeness(sample, codec, common), floor, codec, words) for codec, words, common, floor in _LEGACY),
        key=lambda entry: entry[0] / entry[1],
        reverse=True,
    )
    likeness, floor, codec, words = ranked[0]
    if likeness < floor / 2:
        raise ConfigError(
            "the file is not UTF-8 and its encoding cannot be told; name it, for example "
            "encoding = 'gb18030', 'big5', 'shift_jis' or 'cp1252'"
        )
    why = f"not UTF-8; {likeness:.0%} of its other characters are everyday ones when read as {words}"
    finding = _stated(codec, why)
    if likeness < floor:
        finding.message += "; the evidence is thin, check a few texts"
    return codec, "guessed", [finding]


def _stated(codec: str, why: str) -> Finding:
    return Finding("encoding", f"encoding guessed: {codec} ({why})", "warning")


def _likeness(sample: bytes, codec: str, common: frozenset[str]) -> float:
    """Share of the characters beyond ASCII that are everyday ones in this decoding; errors count against it."""
    text = sample.decode(codec, "replace")
    beyond = [character for character in text if character > "\x7f"]
    if not beyond:
        return 0.0
    share = sum(character in common for character in beyond) / len(beyond)
    if codec == "cp1252":
        # Accents stand alone between plain letters; whole words of them are another alphabet.
        share *= 1 - len("".join(_ACCENTED_WORD.findall(text))) / len(beyond)
    return share

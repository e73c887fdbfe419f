"""The language of a post: what its network says, its script, its words; a sane default where it is too short."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.language import detect, normalise_code


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        *[("en-GB", "en"), ("pt_BR", "pt"), ("in", "id"), ("iw", "he"), ("FR", "fr"), ("zh", "zh")],
        *[("zh-TW", "zh-Hant"), ("zh_HK", "zh-Hant"), ("zh-Hant-TW", "zh-Hant"), ("zh-CN", "zh-Hans")],
        *[("zh-yue", "yue"), ("yue", "yue")],
        *[(none, None) for none in ("und", "qme", "zxx", "qht", "", None, "not a code", "x")],
    ],
)
def test_codes_of_networks_become_ours(code: str | None, ours: str | None) -> None:
    assert normalise_code(code) == ours


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Why is my parcel still not here? I ordered it last week", "en"),
        ("Pourquoi ma commande n'est toujours pas arrivée ?", "fr"),
        ("Warum ist meine Bestellung immer noch nicht da?", "de"),
        ("¿Por qué mi pedido todavía no ha llegado?", "es"),
        ("Por que meu pedido ainda não chegou?", "pt"),
        ("Perché il mio ordine non è ancora arrivato?", "it"),
        ("為什麼我的訂單還沒有到？", "zh-Hant"),
        ("为什么我的订单还没有到？", "zh-Hans"),
        ("點解我嘅單仲未到㗎？", "yue"),
        ("你哋個app又死機喇，搞咩呀", "yue"),
        ("どうして注文した商品が届かないのですか", "ja"),
        ("주문한 상품이 왜 아직 안 왔나요", "ko"),
        ("Почему мой заказ до сих пор не пришёл?", "ru"),
        ("لماذا لم يصل طلبي حتى الآن؟", "ar"),
        ("この店のラーメンは美味しい", "ja"),
        ("这家店の拉面很好吃", "zh-Hans"),
    ],
)
def test_languages_are_told_by_the_text(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    "text", ["", "  ", "12345", "!?", "😀👍", "@brand @other", "https://example.org/page", "🎉 #1"]
)
def test_nothing_to_read_is_undetermined(text: str) -> None:
    assert detect(text) == "und"
    assert detect(text, "en") == "und"


def test_short_latin_text_takes_the_workspace_language() -> None:
    assert detect("ok super", default="de") == "de"
    assert detect("@brand wow", default="fr") == "fr"


def test_shared_han_characters_take_the_workspace_script() -> None:
    assert detect("不好", default="zh-Hant") == "zh-Hant"
    assert detect("不好") == "zh-Hans"


def test_the_network_is_believed_unless_the_script_contradicts_it() -> None:
    assert detect("tak for hjælpen", "da") == "da"
    assert detect("我的包裹丢了", "en") == "zh-Hans"
    assert detect("我的包裹", "zh-TW") == "zh-Hant"
    assert detect("唔該幫手睇吓", "zh-HK") == "yue"
    assert detect("今日特価", "ja") == "ja"
    assert detect("hello there", "zh") == "en"


@given(st.text(max_size=400), st.one_of(st.none(), st.text(max_size=8)))
def test_any_text_has_a_language(text: str, code: str | None) -> None:
    assert detect(text, code)


def test_the_ngram_model_is_loaded_only_when_words_and_script_do_not_decide() -> None:
    code = (
        "import sys; from sentiment.language import detect; detect('where is my order, it is late');"
        "detect('我的包裹丢了'); print('py3langid' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

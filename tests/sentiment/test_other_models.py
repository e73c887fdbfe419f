"""What holds for any model from elsewhere: pinned, compared before use, scored as the bundled one, not trusted."""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers.hub_server import HubServer
from tiny_models import ARCHITECTURES, NUMBERED, SENTENCES, STARS, THREE, TWO, build, change_config

from sentiment.about import about
from sentiment.labels import class_of_each
from sentiment.lock import Terms, read_lock
from sentiment.pinned import ABSTAIN, TWO_CLASS_ABSTAIN, name_of
from sentiment.ports import SENTIMENTS, ModelError
from sentiment.text import model_text
from sentiment.transformer import TransformerScorer

ID = "acme/tiny-sentiment"
ROUNDING = 0.06
"""How far bfloat16 may move a probability; it may move no label."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model folder for each architecture; copied, never changed."""
    base = tmp_path_factory.mktemp("elsewhere")
    return {kind: build(base / kind, kind) for kind in ARCHITECTURES}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A hub on loopback, an empty cache, no token, and no way to the real one."""
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    """A lock file in a folder of its own, on the processor."""
    return Terms(lock=tmp_path / "ws" / "models.lock.json", device="cpu")


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def files_of(cache: Path, name: str) -> list[Path]:
    """Where the cache keeps a file; it is made writable, as whoever changes it would."""
    found = [path.resolve() for path in cache.rglob(name) if path.exists()]
    for path in found:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    return found


# -- architectures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_scores_a_text_the_same_alone_and_in_any_batch(
    tiny: dict[str, Path], kind: str
) -> None:
    scorer = TransformerScorer.load(tiny[kind])
    assert scorer.way == ("packed" if kind == "bert" else "transformers")
    texts = [*SENTENCES, "the update is late " * 90]
    together = scorer.score(texts)
    assert len({score.probabilities for score in together}) > len(texts) // 2  # the network does tell texts apart
    for text, score in zip(texts, together, strict=True):
        alone = scorer.score([text])[0]
        assert (alone.sentiment, alone.abstained) == (score.sentiment, score.abstained)
        assert alone.probabilities == pytest.approx(score.probabilities, abs=ROUNDING)
        assert sum(score.probabilities) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("kind", [kind for kind in ARCHITECTURES if kind != "bert"])
def test_the_scores_are_those_of_the_model_itself(tiny: dict[str, Path], kind: str) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny[kind])
    network = AutoModelForSequenceClassification.from_pretrained(tiny[kind], dtype=torch.float32).eval()
    classes = class_of_each(list(ARCHITECTURES[kind].values()))
    scores = TransformerScorer.load(tiny[kind]).score(SENTENCES)
    for text, score in zip(SENTENCES, scores, strict=True):
        with torch.inference_mode():
            own = network(**tokenizer(model_text(text), return_tensors="pt")).logits.softmax(-1)[0].tolist()
        expected = [sum(p for p, c in zip(own, classes, strict=True) if c == which) for which in range(3)]
        assert score.probabilities == pytest.approx(expected, abs=ROUNDING), text


def test_close_calls_are_decided_in_float32(tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from sentiment import hub as hub_module

    monkeypatch.setattr(hub_module, "arithmetic", lambda device: torch.bfloat16)  # also where it is not fast
    monkeypatch.setattr(hub_module, "_CLOSE", 1.0)  # every call is a close one
    careful = TransformerScorer.load(tiny["xlm-roberta"])
    assert careful.runs_on == ("cpu", "bfloat16")
    monkeypatch.setattr(hub_module, "arithmetic", lambda device: torch.float32)
    exact = TransformerScorer.load(tiny["xlm-roberta"])
    assert exact.runs_on == ("cpu", "float32")
    for one, two in zip(careful.score(SENTENCES), exact.score(SENTENCES), strict=True):
        assert one.probabilities == two.probabilities


def test_a_long_text_is_read_in_windows(tiny: dict[str, Path]) -> None:
    scorer = TransformerScorer.load(tiny["xlm-roberta"])
    start = "Great flight, thanks to the whole crew! " * 8
    other = scorer.score([start, start + "The app crashes every time I open it. " * 8])
    assert other[0].probabilities != other[1].probabilities


# -- labels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (THREE.values(), (0, 1, 2)), (NUMBERED.values(), (0, 1, 2)), (STARS.values(), (0, 0, 1, 2, 2)),
        (TWO.values(), (0, 2)), (["POS", "NEG", "NEU"], (2, 0, 1)), (["Negative", "Positive"], (0, 2)),
        (["Very Negative", "Negative", "Neutral", "Positive", "Very Positive"], (0, 0, 1, 2, 2)),
        (["star 1", "star 2", "star 3", "star 4", "star 5"], (0, 0, 1, 2, 2)), (["差评", "好评"], (0, 2)),
    ],
)  # fmt: skip
def test_the_usual_labels_are_understood(names: Any, classes: tuple[int, ...]) -> None:
    assert class_of_each(list(names)) == classes


def test_a_model_of_two_classes_leaves_the_middle_to_a_person(tiny: dict[str, Path]) -> None:
    scorer = TransformerScorer.load(tiny["roberta"])
    scores = scorer.score([f"{text} {n}" for text in SENTENCES for n in range(12)])
    assert {score.probabilities.neutral for score in scores} == {0.0}
    assert {score.sentiment for score in scores} <= {"negative", "positive"}
    unsure = [score for score in scores if max(score.probabilities) < TWO_CLASS_ABSTAIN]
    assert unsure
    assert all(score.abstained == (max(score.probabilities) < TWO_CLASS_ABSTAIN) for score in scores)


def test_labels_without_meaning_are_refused_until_a_person_gives_them_one(
    tiny: dict[str, Path], tmp_path: Path
) -> None:
    folder = build(tmp_path / "moods", "distilbert", {0: "joy", 1: "anger", 2: "calm"})
    with pytest.raises(ModelError, match=r"'joy', 'anger', 'calm' apart.*labels = \{ \"joy\""):
        TransformerScorer.load(folder)
    given = Terms(labels={"joy": "positive", "anger": "negative", "calm": "neutral"})
    scorer = TransformerScorer.load(folder, terms=given)
    swapped = Terms(labels={"joy": "negative", "anger": "positive", "calm": "neutral"})
    other = TransformerScorer.load(folder, terms=swapped)
    one, two = scorer.score(SENTENCES[:1])[0], other.score(SENTENCES[:1])[0]
    assert one.probabilities.negative == pytest.approx(two.probabilities.positive)
    assert scorer.name != other.name  # other labels are other scores
    for labels, told in [
        ({"joy": "positive", "anger": "negative"}, "'calm' is not named"),
        ({**given.labels, "rage": "negative"}, "has no 'rage'"),
        ({"joy": "good", "anger": "negative", "calm": "neutral"}, "'good' is none of"),
        (dict.fromkeys(given.labels, "neutral"), "at least one must mean negative"),
    ]:
        with pytest.raises(ModelError, match=told):
            TransformerScorer.load(folder, terms=Terms(labels=labels))


def test_the_band_is_the_persons_then_a_default(tiny: dict[str, Path]) -> None:
    assert about(tiny["modernbert"], None, Terms())["abstain_below"] == ABSTAIN
    assert about(tiny["roberta"], None, Terms())["abstain_below"] == TWO_CLASS_ABSTAIN
    strict = Terms(abstain_below=1.0)
    assert all(score.abstained for score in TransformerScorer.load(tiny["bert"], terms=strict).score(SENTENCES))
    assert name_of(tiny["bert"], None, strict) != name_of(tiny["bert"], None, Terms())


# -- pinning ------------------------------------------------------------------------------------------------------


def test_the_first_use_of_a_commit_downloads_and_records_it_and_the_next_touches_no_network(
    hub: HubServer, tiny: dict[str, Path], terms: Terms
) -> None:
    commit = hub.publish(ID, tiny["xlm-roberta"])
    first = TransformerScorer.load(ID, revision=commit, terms=terms)
    assert first.name.startswith(f"{ID}@{commit[:12]}")
    assert terms.lock is not None
    (entry,) = read_lock(terms.lock)
    assert (entry.model, entry.revision, entry.licence, entry.languages) == (ID, commit, "mit", ("en", "zh"))
    assert set(entry.files) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    asked = len(hub.requests)
    again = TransformerScorer.load(ID, revision=commit, terms=terms)
    assert len(hub.requests) == asked
    assert again.name == first.name
    assert again.score(SENTENCES) == first.score(SENTENCES)
    here = TransformerScorer.load(tiny["xlm-roberta"]).score(SENTENCES)
    assert [s.probabilities for s in here] == [s.probabilities for s in again.score(SENTENCES)]


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "abc1234"])
def test_what_is_no_commit_is_refused_and_told_which_it_is(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, revision: str | None
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    hub.repos[ID].branches |= {"v1.0": commit, "abc1234": commit}
    with pytest.raises(ModelError, match=f"name a commit.*now: {commit}"):
        TransformerScorer.load(ID, revision=revision, terms=terms)
    assert not any("/resolve/" in request for request in hub.requests)


def test_a_branch_is_followed_only_where_a_person_allows_it(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = hub.publish(ID, tiny["distilbert"])
    loose = replace(terms, allow_branch=True)
    assert old[:12] in TransformerScorer.load(ID, revision="main", terms=loose).name
    new = hub.publish(ID, tiny["modernbert"])
    assert new[:12] in TransformerScorer.load(ID, revision="main", terms=loose).name
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert new[:12] in TransformerScorer.load(ID, revision="main", terms=loose).name
    with pytest.raises(ModelError, match="may move"):
        TransformerScorer.load(ID, revision="main", terms=terms)


def test_a_commit_stays_when_the_branch_moves(hub: HubServer, tiny: dict[str, Path], terms: Terms) -> None:
    old = hub.publish(ID, tiny["distilbert"])
    before = TransformerScorer.load(ID, revision=old, terms=terms).score(SENTENCES)
    hub.publish(ID, tiny["modernbert"])
    assert TransformerScorer.load(ID, revision=old, terms=terms).score(SENTENCES) == before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_a_file_that_changed_in_the_cache_is_refused_by_name(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, tmp_path: Path, name: str
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    TransformerScorer.load(ID, revision=commit, terms=terms)
    (path,) = set(files_of(tmp_path / "cache", name))
    body = bytearray(path.read_bytes())
    body[-3] ^= 1  # same size, one bit
    path.write_bytes(bytes(body))
    with pytest.raises(ModelError, match=rf"{name} is not the file that was recorded.*model add {ID} --revision"):
        TransformerScorer.load(ID, revision=commit, terms=terms)
    assert about(ID, commit, terms)["pin"]["state"] == "changed"


def test_a_file_that_was_added_to_a_recorded_folder_is_refused(
    tiny: dict[str, Path], terms: Terms, tmp_path: Path
) -> None:
    from sentiment.lock import write_entry
    from sentiment.pinned import record_folder

    assert terms.lock is not None
    folder = copy(tiny["distilbert"], tmp_path / "ws" / "mine")
    write_entry(terms.lock, record_folder(folder, terms))
    assert read_lock(terms.lock)[0].model == "./mine"
    TransformerScorer.load(folder, terms=terms)
    (folder / "NOTES.md").write_text("read by people only")
    TransformerScorer.load(folder, terms=terms)
    (folder / "special_tokens_map.json").write_text("{}")
    with pytest.raises(ModelError, match=r"special_tokens_map\.json was not there when"):
        TransformerScorer.load(folder, terms=terms)
    (folder / "special_tokens_map.json").unlink()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read"):
        TransformerScorer.load(folder, terms=terms)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot read"),
        ('{"version": 9}', "version"),
        ('{"version": 1, "models": [{"model": "a"}]}', "damaged"),
    ],
)
def test_a_damaged_lock_file_is_told_and_nothing_loaded(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, text: str, told: str
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    assert terms.lock is not None
    terms.lock.parent.mkdir(parents=True)
    terms.lock.write_text(text)
    with pytest.raises(ModelError, match=told):
        TransformerScorer.load(ID, revision=commit, terms=terms)
    assert terms.lock.read_text() == text


def test_a_lock_file_cannot_lead_out_of_the_models_folder(terms: Terms) -> None:
    assert terms.lock is not None
    terms.lock.parent.mkdir(parents=True)
    entry = {"model": ID, "revision": "0" * 40, "files": {"../../etc/passwd": {"sha256": "0" * 64, "size": 1}}}
    terms.lock.write_text(json.dumps({"version": 1, "models": [entry]}))
    with pytest.raises(ModelError, match="damaged"):
        TransformerScorer.load(ID, revision="0" * 40, terms=terms)


# -- the network --------------------------------------------------------------------------------------------------


def test_an_interrupted_download_goes_on_where_it_stopped(
    hub: HubServer, tiny: dict[str, Path], terms: Terms
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    hub.break_off["model.safetensors"] = 1
    TransformerScorer.load(ID, revision=commit, terms=terms)
    assert sum("/store/" in request for request in hub.requests if request.startswith("GET")) == 2


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_truncated_file_is_refused_and_nothing_recorded(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, name: str
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    stored = hub.repos[ID].commits[commit]
    stored.served[name] = stored.files[name][:-100]
    with pytest.raises(ModelError, match=f"{name} (could not be fetched|did not arrive)"):
        TransformerScorer.load(ID, revision=commit, terms=terms)
    assert terms.lock is not None
    assert not terms.lock.exists()
    stored.served.clear()
    TransformerScorer.load(ID, revision=commit, terms=terms)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_of_the_right_size_and_the_wrong_checksum_is_refused_and_deleted(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, tmp_path: Path, name: str
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    stored = hub.repos[ID].commits[commit]
    stored.served[name] = stored.files[name][:-5] + b"\n" + stored.files[name][-4:]
    with pytest.raises(ModelError, match=f"{name} did not arrive as the hub announces it"):
        TransformerScorer.load(ID, revision=commit, terms=terms)
    assert terms.lock is not None
    assert not terms.lock.exists()
    assert not files_of(tmp_path / "cache", name)
    stored.served.clear()
    TransformerScorer.load(ID, revision=commit, terms=terms)


def test_a_gated_model_says_what_to_do_and_a_token_stays_with_the_hub(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    hub.repos[ID].gated = True
    with pytest.raises(ModelError, match=f"{ID} is gated: accept its terms at .* then set HF_TOKEN"):
        TransformerScorer.load(ID, revision=commit, terms=terms)
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    TransformerScorer.load(ID, revision=commit, terms=terms)
    sent = list(zip(hub.requests, hub.tokens, strict=True))
    assert ("Bearer hf_abcdefghijklmnop") in {token for request, token in sent if "/resolve/" in request}
    assert {token for request, token in sent if "/store/" in request} == {None}
    assert terms.lock is not None
    assert "hf_" not in terms.lock.read_text()


def test_what_the_hub_does_not_have_is_told_in_a_sentence(
    hub: HubServer, tiny: dict[str, Path], terms: Terms
) -> None:
    hub.publish(ID, tiny["distilbert"])
    with pytest.raises(ModelError, match="no model 'acme/none' on the hub, or it is private") as error:
        TransformerScorer.load("acme/none", revision="1" * 40, terms=terms)
    assert "\n" not in str(error.value)
    with pytest.raises(ModelError, match=f"{ID} has no revision '{'1' * 40}'"):
        TransformerScorer.load(ID, revision="1" * 40, terms=terms)
    for wrong in ("a b/c", "../x/y", "a/b/c", "acme/..", "-rf"):
        with pytest.raises(ModelError, match=r"neither a folder nor|no model folder"):
            TransformerScorer.load(wrong, revision="1" * 40, terms=terms)


def test_no_answer_at_all_is_told(tiny: dict[str, Path], terms: Terms, hub: HubServer) -> None:
    import os

    os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # discard: nobody listens; the fixture restores it
    with pytest.raises(ModelError, match="could not be fetched"):
        TransformerScorer.load(ID, revision="1" * 40, terms=terms)


def test_offline_a_recorded_model_loads_and_another_says_what_to_run(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.publish(ID, tiny["distilbert"])
    online = TransformerScorer.load(ID, revision=commit, terms=terms).score(SENTENCES)
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert TransformerScorer.load(ID, revision=commit, terms=terms).score(SENTENCES) == online
    with pytest.raises(ModelError, match=f"not in the cache.*social-care model add {ID} --revision {'2' * 40}"):
        TransformerScorer.load(ID, revision="2" * 40, terms=terms)
    elsewhere = replace(terms, lock=terms.lock.with_name("other.json") if terms.lock else None)
    # What another program downloaded is used too, and recorded as it is from now on.
    assert TransformerScorer.load(ID, revision=commit, terms=elsewhere).score(SENTENCES) == online
    assert elsewhere.lock is not None
    assert len(read_lock(elsewhere.lock)) == 1
    assert len(hub.requests) == asked


# -- what is never run --------------------------------------------------------------------------------------------


class Bomb:
    """Whoever unpickles this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_pickled_weights_are_refused_unless_allowed(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    folder = copy(tiny["distilbert"], tmp_path / "old")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    commit = hub.publish(ID, folder)
    for model, revision in [(str(folder), None), (ID, commit)]:
        with pytest.raises(ModelError, match=r"only as pytorch_model\.bin.*allow_pickle"):
            TransformerScorer.load(model, revision=revision, terms=terms)
    assert not any("GET" in request and "/store/" in request for request in hub.requests)
    allowed = replace(terms, allow_pickle=True)
    scores = TransformerScorer.load(ID, revision=commit, terms=allowed).score(SENTENCES)
    assert scores[0].probabilities == TransformerScorer.load(tiny["distilbert"]).score(SENTENCES)[0].probabilities
    with pytest.raises(ModelError, match="allow_pickle"):  # the leave counts at each load
        TransformerScorer.load(ID, revision=commit, terms=terms)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"classifier.weight": Bomb(tmp_path / "boom")}))
    with pytest.raises(ModelError, match="cannot load the model"):
        TransformerScorer.load(folder, terms=Terms(allow_pickle=True))
    assert not (tmp_path / "boom").exists()


def test_safetensors_are_taken_where_both_are_there(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, tmp_path: Path
) -> None:
    folder = copy(tiny["distilbert"], tmp_path / "both")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "boom")))
    (folder / "tf_model.h5").write_bytes(b"large")
    commit = hub.publish(ID, folder)
    TransformerScorer.load(ID, revision=commit, terms=terms)
    assert not any(name in request for request in hub.requests for name in ("pytorch_model.bin", "tf_model"))
    TransformerScorer.load(folder)
    assert not (tmp_path / "boom").exists()


def test_code_of_a_model_is_never_run(tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = copy(tiny["distilbert"], tmp_path / "coded")
    (folder / "modeling_own.py").write_text(f"open({str(tmp_path / 'boom')!r}, 'w')\n")
    own = {"AutoConfig": "modeling_own.Own", "AutoModelForSequenceClassification": "modeling_own.Own"}
    change_config(folder, auto_map=own, model_type="own")
    with pytest.raises(ModelError, match="brings code of its own, which is never run"):
        TransformerScorer.load(folder)
    change_config(folder, model_type="distilbert")  # a known type: its own code is left alone
    TransformerScorer.load(folder)
    change_config(folder, _attn_implementation="someone/kernels")
    with pytest.raises(ModelError, match="compute kernels from the hub"):
        TransformerScorer.load(folder)
    assert not (tmp_path / "boom").exists()


def test_what_is_no_finished_classifier_is_refused(tiny: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy(tiny["distilbert"], tmp_path / "base")
    weights = {k: v for k, v in load_file(folder / "model.safetensors").items() if "classifier" not in k}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"no finished classifier: 4 of its weights are missing"):
        TransformerScorer.load(folder)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="is an adapter"):
        TransformerScorer.load(folder)


def test_damaged_files_are_told_without_a_traceback(tiny: dict[str, Path], tmp_path: Path) -> None:
    for name, damage in [
        ("model.safetensors", b"\x00" * 64),
        ("tokenizer.json", b"{"),
        ("config.json", b"[]"),
    ]:
        folder = copy(tiny["modernbert"], tmp_path / name.partition(".")[0])
        (folder / name).write_bytes(damage)
        with pytest.raises(ModelError, match=r"again|JSON object|finished"):
            TransformerScorer.load(folder)


def test_a_vocabulary_in_the_old_form_is_read_and_one_for_a_missing_package_is_told(
    hub: HubServer, tiny: dict[str, Path], terms: Terms, tmp_path: Path
) -> None:
    folder = copy(tiny["bert"], tmp_path / "old")
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)), "utf-8")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "model_max_length": 64}')
    scorer = TransformerScorer.load(folder)
    assert scorer.way == "transformers"
    new = TransformerScorer.load(tiny["bert"])
    for one, two in zip(scorer.score(SENTENCES), new.score(SENTENCES), strict=True):
        assert one.probabilities == pytest.approx(two.probabilities, abs=ROUNDING)
    (folder / "vocab.txt").rename(folder / "sentencepiece.bpe.model")
    commit = hub.publish(ID, folder)
    if importlib.util.find_spec("sentencepiece") is None:
        with pytest.raises(ModelError, match="pip install sentencepiece protobuf"):
            TransformerScorer.load(ID, revision=commit, terms=terms)
        assert not any("/resolve/" in request for request in hub.requests)


# -- where it runs ------------------------------------------------------------------------------------------------


def test_a_device_that_is_not_there_is_told_with_those_that_are(tiny: dict[str, Path]) -> None:
    for wish in ("cuda:99", "tpu", "mps:3", "cuda:x"):
        with pytest.raises(ModelError, match=f"device '{wish}': this machine offers torch cpu"):
            TransformerScorer.load(tiny["distilbert"], terms=Terms(device=wish))


@pytest.mark.parametrize("kind", ["distilbert", "xlm-roberta"])
def test_a_gpu_gives_the_labels_of_the_processor(tiny: dict[str, Path], kind: str) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    scorer = TransformerScorer.load(tiny[kind], terms=Terms(device="cuda"))
    assert scorer.runs_on[0] == "cuda"
    here = TransformerScorer.load(tiny[kind], terms=Terms(device="cpu")).score(SENTENCES)
    for one, two in zip(scorer.score(SENTENCES), here, strict=True):
        assert (one.sentiment, one.abstained) == (two.sentiment, two.abstained)


def test_batches_hold_tokens_not_texts() -> None:
    import torch

    from sentiment.hub import TOKENS_PER_BATCH, padded_logits

    shapes: list[tuple[int, ...]] = []

    class Sums(torch.nn.Module):
        """A network whose answer shows which tokens it was given."""

        class config:  # noqa: N801
            num_labels = 1

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            shapes.append(tuple(input_ids.shape))
            found = torch.nn.Module()
            found.logits = (input_ids * attention_mask).sum(1, keepdim=True).float()
            return found

    texts = [[n % 7] * (1 + n * 37 % 500) for n in range(300)]
    found = padded_logits(Sums(), texts, 99, "cpu")
    assert found[:, 0].tolist() == [sum(text) for text in texts]
    assert all(rows * width <= TOKENS_PER_BATCH for rows, width in shapes)
    assert len(shapes) < 40


# -- what is told -------------------------------------------------------------------------------------------------


def test_about_tells_pin_labels_and_device(hub: HubServer, tiny: dict[str, Path], terms: Terms) -> None:
    commit = hub.publish(ID, tiny["xlm-roberta"])
    before = about(ID, commit, terms)
    assert before["pin"]["state"] == "not recorded"
    assert f"social-care model add {ID} --revision {commit}" in before["pin"]["problem"]
    assert hub.requests == []  # to tell is to look here only
    scorer = TransformerScorer.load(ID, revision=commit, terms=terms)
    told = about(ID, commit, terms)
    assert told["pin"]["state"] == "recorded"
    assert told["pin"]["commit"] == commit
    assert scorer.name.startswith(told["scorer"])
    assert (told["device"], told["arithmetic"]) == scorer.runs_on
    assert told["labels_read"] == [f"LABEL_{i} = {SENTIMENTS[i]} (by its number only)" for i in range(3)]
    assert (told["licence"], told["languages"], told["calibrated"]) == ("mit", ["en", "zh"], False)
    assert name_of(ID, commit, terms) == told["scorer"]


def test_a_calibration_in_the_record_counts_and_leads_to_new_scores(
    hub: HubServer, tiny: dict[str, Path], terms: Terms
) -> None:
    from sentiment.lock import write_entry

    commit = hub.publish(ID, tiny["modernbert"])
    plain = TransformerScorer.load(ID, revision=commit, terms=terms)
    assert terms.lock is not None
    (entry,) = read_lock(terms.lock)
    write_entry(terms.lock, replace(entry, calibration={"temperature": 3.0, "abstain_below": 0.65}))
    fitted = TransformerScorer.load(ID, revision=commit, terms=terms)
    assert fitted.name != plain.name
    before, after = plain.score(SENTENCES), fitted.score(SENTENCES)
    assert all(max(b.probabilities) < max(a.probabilities) for a, b in zip(before, after, strict=True))
    assert all(score.abstained == (max(score.probabilities) < 0.65) for score in after)
    told = about(ID, commit, terms)
    assert (told["calibrated"], told["temperature"], told["abstain_below"]) == (True, 3.0, 0.65)
    assert about(ID, commit, replace(terms, abstain_below=0.9))["abstain_below"] == 0.9  # a person's word is last


def test_the_bundled_model_is_part_of_the_package() -> None:
    assert about(None, None, Terms())["pin"]["state"] == "part of the package"
    with pytest.raises(ModelError, match="no revisions"):
        about(None, "1" * 40, Terms())

"""The correction loop: what people correct becomes a model of their own, and a worse one becomes nothing."""

import csv
import json
import os
import shutil
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_program import UNSAFE, App
from correcting import CLEAR, fill, label, posts

from social_care.workspace import Workspace


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "social-care.db" not in path.name)


def audit(app: App) -> list[tuple[Any, ...]]:
    with sqlite3.connect(app.folder / "social-care.db") as connection:
        return connection.execute(
            "select action, actor, subject, before, after from audit where action like 'model.%' order by id"
        ).fetchall()


@pytest.fixture(scope="module")
def unlabelled(empty_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(empty_workspace, tmp_path_factory.mktemp("tune") / "ws"))
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def labelled(unlabelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Most posts corrected or confirmed as their truth is; some with reply-needed and urgency."""
    folder = Path(shutil.copytree(unlabelled, tmp_path_factory.mktemp("labelled") / "ws"))
    urgency = {"positive": "0", "neutral": "0.1", "negative": "0.4"}

    def said(number: int, truth: str) -> dict[str, str]:
        if number % 6 == 5:
            return {}
        more = {"reply_needed": "no" if truth == "positive" else "yes", "urgency": urgency[truth]}
        return {"sentiment": truth} | (more if number % 2 else {})

    label(Workspace.find(folder), said)
    return folder


@pytest.fixture(scope="module")
def clear(empty_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose posts any model reads."""
    folder = Path(shutil.copytree(empty_workspace, tmp_path_factory.mktemp("clear") / "ws"))
    fill(folder, kinds=CLEAR)
    return folder


@pytest.fixture(scope="module")
def tuned(clear: Path, tmp_path_factory: pytest.TempPathFactory) -> App:
    """With one model, tuned to posts any model reads and so no worse; what the command said is in `said`."""
    app = App(Path(shutil.copytree(clear, tmp_path_factory.mktemp("tuned") / "ws")))
    correct(app, lambda number, truth: {} if number % 6 == 5 else {"sentiment": truth})
    app.said = app("--json", "model", "tune", "--name", "dread").json  # type: ignore[attr-defined]
    return app


def correct(app: App, choose: Any) -> None:
    label(Workspace.find(app.folder), choose, kinds=CLEAR)


@pytest.fixture
def copy(tuned: App, tmp_path: Path) -> App:
    """A copy of it to change; the model's files, which nothing changes, are shared."""

    def place(source: str, target: str) -> None:
        if Path(source).parent.name == "dread":
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    return App(Path(shutil.copytree(tuned.folder, tmp_path / "ws", copy_function=place)))


def test_a_correction_says_who_when_and_what_the_model_had_said(labelled: Path) -> None:
    with sqlite3.connect(labelled / "social-care.db") as connection:
        rows = connection.execute(
            'select field, value, model_value, "by", at, mention_version from label'
        ).fetchall()
    assert {row[0] for row in rows} == {"sentiment", "reply_needed", "urgency"}
    assert all(row[2] is not None and row[3] == "ann" and row[4] and row[5] == 1 for row in rows)


def test_tuning_learns_what_people_say_of_posts_it_never_saw(labelled: Path, tmp_path: Path) -> None:
    app = App(Path(shutil.copytree(labelled, tmp_path / "ws")))
    said = app("--json", "model", "tune", "--dry-run", code=None).json
    own = next(c for c in said["comparisons"] if c["on"] == "your corrections" and c["figure"] == "sentiment")
    assert own["after"]["log_loss"] < own["before"]["log_loss"]
    assert own["fixed"] > own["broken"]
    floor = next(c for c in said["comparisons"] if c["on"] == "bundled gold" and c["figure"] == "sentiment")
    assert floor["n"] > 100
    assert said["accepted"] is (said["fallen"] == [])
    assert said["fallen"] == [reason for one in said["comparisons"] for reason in one["fallen"]]
    assert said["urgency_order"]["pairs"] > 20
    assert said["corrections"]["urgency"]["learned"] == 0


def test_counts_add_up_and_nothing_of_the_gold_set_was_learned_from(tuned: App) -> None:
    counts = tuned.said["corrections"]["sentiment"]  # type: ignore[attr-defined]
    assert counts["given"] == counts["learned"] + counts["kept_back"] == counts["by_network"]["forum"]
    assert 0.15 < counts["kept_back"] / counts["given"] < 0.35
    gold = json.loads((tuned.folder / "models" / "gold.json").read_text("utf-8"))
    assert len([entry for entry in gold["members"] if entry[2] == "sentiment"]) == counts["kept_back"]
    assert not any(text in json.dumps(gold) for text, _ in posts(CLEAR))


def test_the_card_says_what_it_was_tuned_from(tuned: App) -> None:
    card = json.loads((tuned.folder / "models" / "dread" / "model.json").read_text("utf-8"))
    adapted = card["adapted"]
    assert adapted["by"] == "ann"
    assert adapted["at"].startswith("2026-")
    assert adapted["base"]["scorer"].startswith("social-care-minilm@")
    assert adapted["corrections"]["sentiment"]["by_network"]["forum"] > 100
    assert {figure["on"] for figure in adapted["figures"]} == {"your corrections", "bundled gold"}
    assert not any(text in json.dumps(card) for text, _ in posts(CLEAR))


def test_tuning_is_audited_and_changes_nothing_else(tuned: App, clear: Path) -> None:
    actions = audit(tuned)
    assert [row[:3] for row in actions] == [("model.tune", "ann", "model:dread")]
    new = set(tree(tuned.folder)) - set(tree(clear))
    assert all(path.startswith("models") for path in new)
    assert (tuned.folder / "social-care.toml").read_bytes() == (clear / "social-care.toml").read_bytes()
    assert [row["in_use"] for row in tuned("--json", "model", "list").json["models"]] == [True, False]


def test_a_dry_run_measures_and_writes_nothing(copy: App) -> None:
    before, said_before = tree(copy.folder), audit(copy)
    said = copy("--json", "model", "tune", "--dry-run", "--name", "two").json
    assert said["accepted"] is True
    assert said["path"] is None
    assert said["comparisons"]
    assert tree(copy.folder) == before
    assert audit(copy) == said_before


def test_too_few_corrections_say_how_many_are_needed(unlabelled: Path, tmp_path: Path) -> None:
    app = App(Path(shutil.copytree(unlabelled, tmp_path / "ws")))
    label(Workspace.find(app.folder), lambda number, truth: {"sentiment": truth} if number < 12 else {})
    answer = app("model", "tune", code=1)
    assert "12 of sentiment" in answer.err
    assert "40 of one kind are needed" in answer.err
    assert not (app.folder / "models").exists()


WRONG = {"positive": "negative", "negative": "positive", "neutral": "positive"}


def test_corrections_that_would_spoil_the_model_are_refused_by_name(clear: Path, tmp_path: Path) -> None:
    app = App(Path(shutil.copytree(clear, tmp_path / "ws")))
    correct(app, lambda number, truth: {"sentiment": WRONG[truth]})
    before = tree(app.folder)
    answer = app("model", "tune", "--name", "spoiled", code=1)
    assert "refused" in answer.out
    assert "on bundled gold" in answer.out
    assert "fell from" in answer.out
    assert tree(app.folder) == before
    assert audit(app) == []


def test_a_gold_file_of_the_user_can_refuse_a_model_and_is_not_learned_from(clear: Path, tmp_path: Path) -> None:
    app = App(Path(shutil.copytree(clear, tmp_path / "ws")))
    correct(app, lambda number, truth: {"sentiment": WRONG[truth]})
    rows = [(text, said) for number, (text, said) in enumerate(posts(CLEAR)) if number % 3 == 0]
    with (app.folder / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    said = app("--json", "model", "tune", "--gold", "mine.csv", code=1).json
    assert [reason for reason in said["fallen"] if "mine.csv" in reason]
    whole = app("--json", "model", "tune", "--dry-run", code=1).json
    assert said["corrections"]["sentiment"]["learned"] < whole["corrections"]["sentiment"]["learned"]
    assert next(one["n"] for one in said["comparisons"] if one["on"] == "mine.csv") == len(rows)


def test_posts_of_x_are_left_out_unless_a_person_says_otherwise(labelled: Path, tmp_path: Path) -> None:
    app = App(Path(shutil.copytree(labelled, tmp_path / "ws")))
    workspace = fill(app.folder, "x")
    label(workspace, lambda number, truth: {"sentiment": truth} if number % 2 else {}, network="x")
    answer = app("model", "tune", "--dry-run", code=None)
    assert "of x (its terms)" in answer.err
    without = app("--json", "model", "tune", "--dry-run", code=None).json
    assert "x" not in without["corrections"]["sentiment"]["by_network"]
    assert without["left_out"] == {"of x (its terms)": len(posts()) // 2}
    allowed = app("--json", "model", "tune", "--dry-run", "--allow-network", "X", code=None).json
    assert allowed["left_out"] == {}
    assert allowed["corrections"]["sentiment"]["by_network"]["x"] == len(posts()) // 2
    with (app.folder / "social-care.toml").open("a", encoding="utf-8") as file:
        file.write('\n[tuning]\nallow_networks = ["x"]\n')
    assert app("--json", "model", "tune", "--dry-run", code=None).json["left_out"] == {}


def test_the_gold_set_stays_what_it_was_until_it_is_extended(copy: App) -> None:
    before = (copy.folder / "models" / "gold.json").read_bytes()
    correct(copy, lambda number, truth: {"sentiment": truth} if number % 6 == 5 else {})
    said = copy("--json", "model", "tune", "--name", "two", code=None).json
    kept = said["corrections"]["sentiment"]["kept_back"]
    assert said["waiting"] > 0
    assert (copy.folder / "models" / "gold.json").read_bytes() == before
    extended = copy("--json", "model", "tune", "--name", "three", "--extend-gold", code=None).json
    assert extended["waiting"] == 0
    assert extended["corrections"]["sentiment"]["kept_back"] == kept + said["waiting"]


def test_a_deleted_post_is_gone_from_learning_and_from_the_gold_set(copy: App) -> None:
    workspace = Workspace.find(copy.folder)
    from clock import NOW

    from storage.pages import Deletion
    from storage.purge import purge

    first = copy("--json", "model", "tune", "--dry-run", "--name", "a", code=None).json["corrections"]["sentiment"]
    gone = [Deletion(f"forum-{number}", "deleted", NOW) for number in range(40)]
    with workspace.database.write() as session:
        purge(session, gone, network="forum", brand_ids=[], now=NOW)
    said = copy("--json", "model", "tune", "--dry-run", "--name", "b", code=None).json
    after = said["corrections"]["sentiment"]
    assert said["left_out"]["deleted since"] > 0
    assert after["learned"] < first["learned"]
    assert after["kept_back"] < first["kept_back"]


def priorities(app: App) -> dict[int, str]:
    with sqlite3.connect(app.folder / "social-care.db") as connection:
        return dict(connection.execute('select id, priority from "case"'))


def grim(app: App) -> None:
    """A model that sees the bad side of everything, under the name `grim`."""
    from sentiment.card import BUNDLED, read_json
    from sentiment.labels import class_of_each, names_in_order
    from sentiment.levels import LEVELS
    from sentiment.tuned import candidate, read_head

    head = read_head(BUNDLED)
    negative = class_of_each(names_in_order(read_json(BUNDLED / "config.json"))).index(0)
    head["classifier.bias"][negative] += 3.0
    names = read_json(BUNDLED / "model.json")["heads"]
    for name in (*LEVELS, "reply_needed"):  # the levels make the urgency, and so the priority
        head["heads.bias"][names.index(name)] += 6.0
    with candidate(BUNDLED, app.folder / "models", "grim", head, {}) as made:
        made.accept(made.card)


def test_what_shadow_foretells_is_what_use_brings(copy: App) -> None:
    grim(copy)
    before = priorities(copy)
    told = copy("--json", "model", "shadow", "grim").json
    assert told["mentions"] == len(posts(CLEAR))
    assert told["labels_changed"] == sum(told["labels"].values()) > 0
    assert sum(part["mentions"] for part in told["by_language"].values()) == told["mentions"]
    assert told["by_network"]["forum"]["labels_changed"] == told["labels_changed"]
    with sqlite3.connect(copy.folder / "social-care.db") as connection:
        assert connection.execute("select count(distinct scorer) from score").fetchone() == (1,)
    copy("model", "use", "grim")
    copy("score", "--pending")
    after = priorities(copy)
    assert before.keys() == after.keys()
    moved = {(number, before[number], after[number]) for number in before if before[number] != after[number]}
    assert len(moved) == sum(told["priorities"].values()) > 0
    first = ("P1", "P2")
    entering = {(m["case"], m["before"], m["after"]) for m in told["entering"]}
    leaving = {(m["case"], m["before"], m["after"]) for m in told["leaving"]}
    assert entering == {m for m in moved if m[2] in first and m[1] not in first}
    assert leaving == {m for m in moved if m[1] in first and m[2] not in first}
    # And back: the older scores are the ones that count again.
    copy("model", "use", "bundled")
    copy("score", "--pending")
    again = priorities(copy)
    assert again == before


def test_use_changes_one_key_of_the_file_and_says_so_in_the_audit(copy: App) -> None:
    path = copy.folder / "social-care.toml"
    before = path.read_text("utf-8")
    dry = copy("--json", "model", "use", "dread", "--dry-run").json
    assert (dry["before"], dry["after"], dry["to_score"]) == ("bundled", "models/dread", len(posts(CLEAR)))
    assert path.read_text("utf-8") == before
    copy("model", "use", "dread")
    old, new = tomllib.loads(before), tomllib.loads(path.read_text("utf-8"))
    assert new["scorer"].pop("model") == "models/dread"
    old.setdefault("scorer", {}).pop("model", None)
    assert new == old
    assert [line for line in before.splitlines() if line not in path.read_text("utf-8").splitlines()] == []
    assert audit(copy)[-1][:3] == ("model.use", "ann", "model:dread")
    assert [row["in_use"] for row in copy("--json", "model", "list").json["models"]] == [False, True]
    assert "dread" in copy("--json", "doctor", code=None).out
    # A workspace that moved still finds its model.
    moved = copy.folder.rename(copy.folder.with_name("elsewhere"))
    assert App(moved)("--json", "score", "--pending", "--dry-run").json["scored"] == len(posts(CLEAR))


@pytest.mark.parametrize("name", ["nothing", "../..", "/etc"])
def test_using_what_is_no_model_changes_nothing(copy: App, name: str) -> None:
    before = (copy.folder / "social-care.toml").read_bytes()
    answer = copy("model", "use", name, code=2)
    assert "known: bundled, dread" in answer.err
    assert (copy.folder / "social-care.toml").read_bytes() == before


def test_a_model_the_environment_names_is_not_overruled_in_silence(
    copy: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCIAL_CARE_SCORER__MODEL", "bundled")
    assert "SOCIAL_CARE_SCORER__MODEL" in copy("model", "use", "dread", code=2).err


def test_tuning_again_starts_from_the_shipped_model_and_is_held_against_the_one_in_use(copy: App) -> None:
    copy("model", "use", "dread")
    said = copy("--json", "model", "tune", "--name", "two", "--dry-run", code=None).json
    assert said["base"].startswith("social-care-minilm@")
    assert said["compared_with"].startswith("social-care-minilm-dread@")
    own = next(c for c in said["comparisons"] if c["on"] == "your corrections" and c["figure"] == "sentiment")
    assert own["before"] == own["after"]
    assert said["accepted"] is True


def test_what_is_shown_is_safe_and_fits(copy: App) -> None:
    for words in (("model", "shadow", "dread"), ("model", "list"), ("model", "drift")):
        answer = copy(*words)
        assert UNSAFE.search(answer.said) is None
        assert max(map(len, answer.out.splitlines())) <= 80, words


@pytest.mark.parametrize(
    "text",
    [
        "", "[scorer]\n", "[scorer]\nthreads = 2\n", "[scorer] # the model\nmodel = 'bundled' # why\n[goals]\n",
        '[scorer]\r\nmodel = "x"\r\n', "zone = 'UTC'", "# [scorer]\n# model = 'no'\n[digest]\n",
        '[digest]\nfolder = "[scorer]"\n', "[[brands]]\nname = 'model = \"x\"'\n",
    ],
)  # fmt: skip
def test_every_shape_of_file_is_changed_at_one_place(text: str) -> None:
    from social_care.tuned_models import with_model

    changed = with_model(text, 'models/a"b')
    wanted = tomllib.loads(text)
    wanted["scorer"] = {**wanted.get("scorer", {}), "model": 'models/a"b'}
    assert tomllib.loads(changed) == wanted
    assert all(comment in changed for comment in ("# why", "# the model") if comment in text)


@pytest.mark.parametrize(
    "text",
    [
        "scorer = { model = 'x' }\n",
        'scorer.model = "x"\n',
        '[scorer]\n"model" = "x"\n',
        "[scorer]\nmodel = '''x'''\n",
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone(text: str) -> None:
    from social_care.tuned_models import with_model
    from storage.errors import ConfigError

    with pytest.raises(ConfigError, match=r"write: \[scorer\] model"):
        with_model(text, "bundled")


def test_only_the_head_that_the_corrections_speak_of_is_changed(clear: Path, tmp_path: Path) -> None:
    from sentiment.card import BUNDLED
    from sentiment.tuned import candidate, read_head

    app = App(Path(shutil.copytree(clear, tmp_path / "ws")))
    base = {name: value for name, value in read_head(BUNDLED).items() if name.startswith("classifier")}
    width = base["classifier.weight"].shape[1]
    heads = np.random.default_rng(1).normal(size=(2, width)).astype(np.float32) / width
    with candidate(
        BUNDLED, app.folder, "base", base | {"heads.weight": heads, "heads.bias": heads[:, 0]}, {}
    ) as made:
        card = {key: value for key, value in made.card.items() if key != "adapted"}
        made.accept(card | {"heads": ["question", "reply_needed"]})
    (app.folder / "base" / "wide.safetensors").unlink(missing_ok=True)  # its columns are of other heads
    app("model", "use", "base")
    app("score", "--pending")
    correct(app, lambda number, truth: {"reply_needed": "no" if truth == "positive" else "yes"})
    # Kept whatever the figures say: this is about what is learned.
    from social_care import learning, tuned_models
    from storage.corrections import corrections

    workspace = Workspace.find(app.folder)
    folder = tuned_models.base_folder(workspace)
    assert folder == (app.folder / "base").resolve()
    with workspace.database.read() as session:
        rows = corrections(session).rows
    learned = learning.learn(
        tuned_models.load_scorer(workspace, folder), folder, {"reply_needed": 1}, {"reply_needed": rows}, [], id
    )
    old, new = read_head(folder), learned.head
    assert (new["heads.weight"][1] != old["heads.weight"][1]).any()
    assert np.array_equal(new["heads.weight"][0], old["heads.weight"][0])
    assert np.array_equal(new["classifier.weight"], old["classifier.weight"])
    said = app("--json", "model", "tune", "--dry-run", code=None).json
    assert said["strength"].keys() == {"reply_needed"}
    assert said["corrections"]["reply_needed"]["learned"] > 30


def test_what_is_learned_reaches_the_rows_of_its_class() -> None:
    from sentiment.tuning import Change
    from social_care.learning import with_change

    head = {"classifier.weight": np.zeros((3, 2), np.float32), "classifier.bias": np.zeros(3, np.float32)}
    change = Change(np.array([[1.0, 0], [2, 0], [3, 0]]), np.array([4.0, 5, 6]))
    new = with_change(head, change, None, (2, 0, 1))  # the model's first class is positive
    assert new["classifier.weight"][:, 0].tolist() == [3, 1, 2]
    assert new["classifier.bias"].tolist() == [6, 4, 5]
    assert not head["classifier.weight"].any()

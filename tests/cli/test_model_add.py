"""`model add` and what follows: a model from elsewhere is fetched once, recorded, and shown with its pin."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_program import App, write_csv
from servers.hub_server import HubServer

sys.path.insert(0, str(Path(__file__).parent.parent / "sentiment"))
from tiny_models import build

ID = "acme/tiny-sentiment"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("elsewhere") / "tiny", "distilbert")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        yield server


def configure(app: App, **values: object) -> None:
    path = app.folder / "social-care.toml"
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
    path.write_text(f"{path.read_text('utf-8')}\n[scorer]\n{lines}\n", "utf-8")


def test_a_dry_run_tells_what_would_be_fetched_and_fetches_nothing(
    fresh: App, hub: HubServer, model: Path
) -> None:
    commit = hub.publish(ID, model)
    told = fresh("--json", "model", "add", ID, "--revision", commit, "--dry-run").json
    assert told["dry_run"] is True
    assert told["revision"] == commit
    assert told["files"]["model.safetensors"] == (model / "model.safetensors").stat().st_size
    assert told["size_bytes"] == sum(told["files"].values())
    assert (told["licence"], told["languages"]) == ("mit", ["en", "zh"])
    assert not any("/resolve/" in request for request in hub.requests)
    assert not (fresh.folder / "models.lock.json").exists()
    assert commit in fresh("model", "add", ID, "--revision", commit, "--dry-run").out


def test_a_model_is_recorded_once_and_used_offline(
    fresh: App, hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.publish(ID, model)
    told = fresh("--json", "model", "add", ID, "--revision", commit).json
    lock = json.loads((fresh.folder / "models.lock.json").read_text("utf-8"))
    (entry,) = lock["models"]
    assert (entry["model"], entry["revision"]) == (ID, commit)
    assert {name: file["sha256"] for name, file in entry["files"].items()} == told["files"]
    assert told["recorded_before"] is False
    assert fresh("--json", "model", "add", ID, "--revision", commit).json["recorded_before"] is True
    configure(fresh, model=ID, revision=commit, device="cpu")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    info = fresh("--json", "model", "info", "--model", ID).json
    assert info["pin"]["state"] == "recorded"
    assert (info["device"], info["calibrated"]) == ("cpu", False)
    row = {"text": "My parcel is late and nobody answers", "author": "kim", "posted": "2026-03-01T10:00:00+00:00"}
    fresh("import", write_csv(fresh.folder / "posts.csv", [row]))
    found = fresh("--json", "db", "sql", "select distinct scorer from score").json
    assert info["scorer"] in json.dumps(found)


def test_a_damaged_file_is_fetched_again_and_must_be_what_was_recorded(
    fresh: App, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    commit = hub.publish(ID, model)
    fresh("model", "add", ID, "--revision", commit)
    (place,) = {path.resolve() for path in (tmp_path / "cache").rglob("model.safetensors")}
    whole = place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(whole[:-1] + b"!")
    info = fresh("--json", "model", "info", "--model", ID, "--revision", commit).json
    assert info["pin"]["state"] == "changed"
    assert "model.safetensors is not the file that was recorded" in info["pin"]["problem"]
    fresh("model", "add", ID, "--revision", commit)
    assert fresh("--json", "model", "info", "--model", ID).json["pin"]["state"] == "recorded"


def test_a_moving_name_is_refused_with_the_commit_it_points_to(fresh: App, hub: HubServer, model: Path) -> None:
    commit = hub.publish(ID, model)
    for words in (("model", "add", ID), ("model", "add", ID, "--revision", "main")):
        refused = fresh(*words, code=None)
        assert refused.code == 2
        assert commit in refused.err


def test_a_folder_is_recorded_and_a_change_needs_a_word(fresh: App, model: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(model, fresh.folder / "mine"))
    assert fresh("--json", "model", "add", "mine", "--dry-run").json["dry_run"] is True
    assert not (fresh.folder / "models.lock.json").exists()
    fresh("model", "add", "mine")
    assert fresh("--json", "model", "info", "--model", "mine").json["pin"]["state"] == "recorded"
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"note": 1}), "utf-8")
    refused = fresh("model", "add", "mine", code=None)
    assert refused.code == 2
    assert "config.json changed" in refused.err
    stopped = fresh("score", "--model", "mine", "-", input="late again\n", code=None)
    assert stopped.code == 2
    assert "config.json is not the file that was recorded" in stopped.err
    fresh("model", "add", "mine", "--replace")
    assert fresh("score", "--model", "mine", "-", input="late again\n").json["text"] == "late again"
    assert fresh("--json", "model", "info", "--model", "mine").json["pin"]["state"] == "recorded"


def test_without_a_workspace_the_record_is_the_users(
    app: App, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    commit = hub.publish(ID, model)
    app("model", "add", ID, "--revision", commit)
    lock = tmp_path / "data" / "social-care" / "models.lock.json"
    assert json.loads(lock.read_text("utf-8"))["models"][0]["revision"] == commit


def test_pickled_weights_need_a_word(fresh: App, hub: HubServer, model: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file

    folder = Path(shutil.copytree(model, tmp_path / "old"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    commit = hub.publish(ID, folder)
    refused = fresh("model", "add", ID, "--revision", commit, code=None)
    assert refused.code == 2
    assert "--allow-pickle" in refused.err
    told = fresh("--json", "model", "add", ID, "--revision", commit, "--allow-pickle").json
    assert "pytorch_model.bin" in told["files"]

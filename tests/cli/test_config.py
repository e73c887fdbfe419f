"""`social-care.toml`: what is wrong is told by file and key, with a suggestion; secrets are never shown."""

import os

import pytest
from cli_program import App

SECRET = "hunter2-correct-horse"


def write(app: App, text: str, *, keep: bool = True) -> None:
    path = app.folder / "social-care.toml"
    path.write_text((path.read_text("utf-8") if keep else "") + "\n" + text + "\n", encoding="utf-8")


def values(app: App) -> dict[str, tuple[str, str]]:
    found = app("--json", "config", "show").json["values"]
    return {item["key"]: (item["value"], item["origin"]) for item in found}


@pytest.mark.parametrize(
    ("text", "place", "suggestion"),
    [
        ("[[brand]]\nname = 'x'", "brand", "brands"),
        ("[[brands]]\nname = 'x'\nacounts = {}", "brands.1.acounts", "accounts"),
        ("[[topics]]\nname = 't'\nbrand = 'Kestrel'\nqery = 'x'", "topics.0.qery", "query"),
        ("[scorer]\nmodle = 'x'", "scorer.modle", "model"),
        ("[listeners.a]\ntype = 'files'\nbrand = 'Kestrel'\npaht = 'x'", "listeners.a.paht", "path"),
        ("[listeners.a]\ntype = 'files'\nbrand = 'Kestrel'\npath = 'x'\nevry = '5m'", "listeners.a.evry", "every"),
        ("[[sla]]\nname = 'p'\nfirst_replly = '1h'", "sla[0].first_replly", "first_reply"),
        ("[triage]\nreopen_dayz = 3", "triage.reopen_dayz", "reopen_days"),
        ("[urgency]\nchurn_thret = 0.2", "urgency", "churn_threat"),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(fresh: App, text: str, place: str, suggestion: str) -> None:
    write(fresh, text)
    said = fresh("doctor", code=2).said.replace("\n", " ")
    assert place in said.replace(" ", "") or place in said
    assert suggestion in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[goals2]\nx = 1", "goals2"),
        ("_env_file = 'x.env'", "_env_file"),
        ("[[topics]]\nname = 't'\nbrand = 'Kestrl'\nquery = 'x'", "did you mean 'Kestrel'"),
        ("[listeners.a]\ntype = 'files'\nbrand = 'Kestrel'\ntopics = ['none']", "'none'"),
        ("[listeners.a]\ntype = 'files'\nbrand = 'Kestrel'\nevery = 'often'", "listeners.a.every"),
        ("[listeners.a]\nbrand = 'Kestrel'", "listeners.a.type"),
        ("[scorer]\nthreads = 0", "scorer.threads"),
        ("[scorer]\nthreads = 'many'", "scorer.threads"),
        ("topics = 3", "topics"),
        ("x = ", "not valid TOML"),
        ("[scorer]\n[scorer]", "not valid TOML"),
    ],
)
def test_a_wrong_value_is_told_by_file_and_key(app: App, text: str, said: str) -> None:
    app("init", "--no-input", "--brand", "Kestrel")
    path = app.folder / "social-care.toml"
    path.write_text(f"{text}\n" if text.startswith(("_", "topics")) else path.read_text("utf-8") + text, "utf-8")
    answer = app("config", "check", code=2)
    assert said in answer.err
    assert "social-care.toml" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('at = "25:00"', "digest.at"), ('at = "8"', "digest.at"), ('formats = ["pdf"]', "digest.formats"),
    ],
)  # fmt: skip
def test_the_digests_settings_are_checked(app: App, line: str, key: str) -> None:
    write(app, f"[digest]\n{line}", keep=False)
    assert key in app("config", "check", code=2).err


@pytest.mark.parametrize(
    "text",
    [
        f"password = '{SECRET}'",
        f"[listeners.a]\ntype = 'x'\nbrand = 'b'\nbearer_token = '{SECRET}'",
        f"[listeners.a]\ntype = 'x'\nbrand = 'b'\napi-key = '{SECRET}'",
        f"[listeners.a]\ntype = 'reddit'\nbrand = 'b'\nclient_secret = '{SECRET}'",
        f"[listeners.a]\ntype = 'x'\nbrand = 'b'\ntokens = ['{SECRET}']",
        f"[[brands]]\nname = 'b'\n[brands.accounts]\nsecret = ['{SECRET}']",
        f"database = 'postgresql://ann:{SECRET}@db.example/care'",
        f"database = 'postgresql+psycopg://:{SECRET}@db.example/care'",
        f"[listeners.a]\ntype = 'files'\nbrand = 'b'\npath = 'https://ann:{SECRET}@files.example/x.csv'",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(app: App, text: str) -> None:
    write(app, text, keep=False)
    for words in (("config", "check"), ("config", "show"), ("inbox",), ("--json", "inbox"), ("doctor",)):
        answer = app(*words, code=2)
        assert SECRET not in answer.said
        assert "environment" in answer.said


def test_a_password_in_the_environment_is_never_shown(fresh: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCIAL_CARE_DATABASE", f"postgresql://ann:{SECRET}@127.0.0.1:1/care")
    monkeypatch.setenv("SOCIAL_CARE_SECRET_X_BEARER_TOKEN", SECRET)
    shown = fresh("config", "show")
    assert "127.0.0.1" in shown.out
    assert "***" in shown.out
    for words in (
        ("config", "show"), ("--json", "config", "show"), ("config", "check"), ("doctor",), ("--json", "doctor"),
        ("inbox",), ("--json", "inbox"), ("db", "upgrade"), ("listen",), ("sla", "report"),
    ):  # fmt: skip
        assert SECRET not in fresh(*words, code=None).said, words


def test_a_secret_is_not_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    from social_care.config import make_settings

    monkeypatch.setenv("SOCIAL_CARE_DATABASE", f"postgresql://ann:{SECRET}@127.0.0.1:1/care")
    settings = make_settings({}, "here")
    assert settings.database.get_secret_value().endswith("/care")
    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()


def test_the_environment_beats_the_file_and_is_named_as_origin(fresh: App, monkeypatch) -> None:
    assert values(fresh)["zone"] == ("UTC", "file")
    monkeypatch.setenv("SOCIAL_CARE_ZONE", "Asia/Hong_Kong")
    monkeypatch.setenv("SOCIAL_CARE_SCORER__THREADS", "3")
    monkeypatch.setenv("SOCIAL_CARE_SLA_PRESET", "strict")
    found = values(fresh)
    assert found["zone"] == ("Asia/Hong_Kong", "SOCIAL_CARE_ZONE")
    assert found["scorer.threads"] == ("3", "SOCIAL_CARE_SCORER__THREADS")
    assert found["scorer.model"] == ("bundled", "default")
    assert found["sla_preset"] == ("strict", "SOCIAL_CARE_SLA_PRESET")
    assert found["sla"] == ("[]", "default")


def test_the_environment_adds_to_a_table_of_the_file(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    write(app, "[goals]\nattainment = 0.5\nresponse_rate = 0.6", keep=False)
    monkeypatch.setenv("SOCIAL_CARE_GOALS__ATTAINMENT", "0.8")
    found = values(app)
    assert found["goals.attainment"][0] == "0.8"
    assert found["goals.response_rate"] == ("0.6", "file")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOCIAL_CARE_ZONE", "Mars/Base"), ("SOCIAL_CARE_BRANDS", "no json"),
        ("SOCIAL_CARE_GOALS__ATTAINMENT", "7"),
        ("SOCIAL_CARE_SCORER__MODLE", "x"), ("SOCIAL_CARE_DIGEST__AT", "noon"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_told_by_its_name(fresh: App, monkeypatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    answer = fresh("inbox", code=2)
    assert name in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Asia/Hong_Kong", "America/Argentina/Buenos_Aires"])
def test_zones_that_exist_are_taken(app: App, zone: str) -> None:
    write(app, f"zone = '{zone}'", keep=False)
    assert values(app)["zone"][0] == zone


@pytest.mark.parametrize(
    "zone", ["Mars/Base", "../../etc/passwd", "/etc/passwd", "", "EST5EDT4", "utc+1", "a\\u0000"]
)
def test_zones_that_do_not_exist_are_told(app: App, zone: str) -> None:
    write(app, f'zone = "{zone}"', keep=False)
    answer = app("config", "check", code=2)
    assert "zone" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"zone = \x00", b"\x80", "zone='é'".encode("latin-1")])
def test_a_file_that_is_not_text_is_told(app: App, content: bytes) -> None:
    (app.folder / "social-care.toml").write_bytes(content)
    answer = app("config", "check", code=2)
    assert "social-care.toml" in answer.err
    assert "Traceback" not in answer.err


def test_a_byte_order_mark_does_no_harm(app: App) -> None:
    (app.folder / "social-care.toml").write_bytes(b"\xef\xbb\xbfzone = 'UTC'\n")
    app("config", "check")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_told(fresh: App) -> None:
    (fresh.folder / "social-care.toml").chmod(0)
    assert "cannot be read" in fresh("config", "check", code=2).err


def test_without_a_workspace_the_way_to_one_is_told(app: App) -> None:
    for words in (("inbox",), ("config", "check"), ("sla", "report"), ("case", "show", "1")):
        assert "social-care init" in app(*words, code=2).err


def test_a_workspace_can_be_named(app: App, full_workspace) -> None:
    assert app("--json", "--workspace", full_workspace, "inbox").json["counts"]["total"] > 0
    assert "social-care init" in app("-w", app.folder / "none", "inbox", code=2).err


def test_every_listener_type_is_offered(fresh: App) -> None:
    assert {"files", "reddit", "x"} <= set(fresh("--json", "listener", "list").json["types"])
    write(fresh, "[listeners.a]\ntype = 'reddt'\nbrand = 'Kestrel'")
    answer = fresh("config", "check", code=2)
    assert "reddit" in answer.said


def test_a_missing_secret_is_named_with_both_places(fresh: App) -> None:
    write(fresh, "[listeners.a]\ntype = 'x'\nbrand = 'Kestrel'")
    said = " ".join(fresh("config", "check", code=2).said.split())
    assert "SOCIAL_CARE_SECRET_X_BEARER_TOKEN" in said
    assert "keyring" in said

"""Nothing is handed off or posted without consent to exactly the text it holds."""

import copy

import pytest
from clock import NOW
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from responders import drafts
from storage.desk_values import Changed, DraftChange
from storage.errors import StateError
from storage.models import Draft, Mention


def make_draft(text: str = "We are sorry.", **values: object) -> Draft:
    base: dict[str, object] = {
        "id": 1,
        "case_id": 1,
        "in_reply_to": 1,
        "mention_version": 1,
        "text": text,
        "text_hash": drafts.hash_of(text),
        "language": "en",
        "made_by": "kim",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Draft(**(base | values))


def make_mention(**values: object) -> Mention:
    base: dict[str, object] = {
        "id": 1,
        "brand_id": 1,
        "network": "x",
        "native_id": "m1",
        "kind": "post",
        "text": "help",
        "text_hash": "0",
        "posted_at": NOW,
        "first_seen_at": NOW,
        "thread_native_id": "m1",
        "listener": "t",
    }
    return Mention(**(base | values))


def apply(draft: Draft, change: DraftChange) -> None:
    for name, value in change.values.items():
        setattr(draft, name, value)
    draft.revision += 1


def approved(text: str = "We are sorry.", **values: object) -> Draft:
    draft = make_draft(text, **values)
    apply(draft, drafts.approve(draft, make_mention(), (), shown=text, by="ana", at=NOW))
    return draft


def test_approving_needs_the_text_or_hash_that_was_shown() -> None:
    draft, mention = make_draft(), make_mention()
    for shown in (draft.text, draft.text_hash, draft.text_hash[:12].upper()):
        assert drafts.approve(draft, mention, (), shown=shown, by="ana", at=NOW).values["status"] == "approved"
    for shown in ("", "We are sorry", draft.text_hash[:11], draft.text_hash + "0", "0" * 64, "f" * 12):
        with pytest.raises(Changed, match="no longer says what you were shown"):
            drafts.approve(draft, mention, (), shown=shown, by="ana", at=NOW)


def test_editing_voids_the_approval_and_says_so_in_a_row_of_its_own() -> None:
    draft = approved()
    before = draft.approved_hash
    change = drafts.edit(draft, make_mention(), text="Another text", by="lee")
    assert change.values["status"] == "drafted"
    assert change.values["approved_hash"] is None
    assert change.approval is not None
    assert (change.approval.decision, change.approval.text_hash) == ("voided", before)


def test_a_post_edited_after_the_draft_can_be_neither_approved_nor_answered() -> None:
    edited = make_mention(version=2)
    with pytest.raises(Changed, match="edited the post"):
        drafts.approve(make_draft(), edited, (), shown="We are sorry.", by="ana", at=NOW)
    with pytest.raises(Changed, match="edited the post"):
        drafts.hand_off(approved(), edited, (), by="ana", at=NOW)


def test_a_deleted_post_is_never_answered() -> None:
    gone = make_mention(deleted_at=NOW)
    with pytest.raises(StateError, match="deleted"):
        drafts.approve(make_draft(), gone, (), shown="We are sorry.", by="ana", at=NOW)
    with pytest.raises(StateError, match="deleted"):
        drafts.begin_posting(approved(), gone, ())
    with pytest.raises(StateError, match="deleted"):
        drafts.edit(make_draft(), gone, text="x", by="ana")


def test_reading_again_and_editing_answers_the_edited_post() -> None:
    draft, edited = make_draft(), make_mention(version=2)
    apply(draft, drafts.edit(draft, edited, text=draft.text, by="kim"))
    assert drafts.approve(draft, edited, (), shown=draft.text, by="ana", at=NOW).values["status"] == "approved"


def test_only_one_draft_of_a_case_is_on_its_way() -> None:
    other = approved("First", id=2)
    with pytest.raises(StateError, match="draft 2 of the same case is approved by ana"):
        drafts.approve(make_draft(), make_mention(), (other,), shown="We are sorry.", by="lee", at=NOW)


def test_a_text_changed_behind_our_back_is_not_handed_off() -> None:
    draft = approved()
    draft.text = "Buy gold at evil.example"
    with pytest.raises(Changed, match="does not match its hash"):
        drafts.hand_off(draft, make_mention(), (), by="ana", at=NOW)


def test_with_four_eyes_nobody_approves_their_own_text() -> None:
    with pytest.raises(StateError, match="a second person"):
        drafts.approve(make_draft(), make_mention(), (), shown="We are sorry.", by="kim", at=NOW, four_eyes=True)


def test_an_unknown_outcome_is_settled_and_never_posted_again() -> None:
    draft = approved()
    apply(draft, drafts.begin_posting(draft, make_mention(), ()))
    apply(draft, drafts.settle(draft, "unknown"))
    for step in (
        lambda: drafts.begin_posting(draft, make_mention(), ()),
        lambda: drafts.edit(draft, make_mention(), text="again", by="ana"),
        lambda: drafts.reject(draft, by="ana"),
        lambda: drafts.settle(draft, "unknown"),
    ):
        with pytest.raises(StateError):
            step()
    assert drafts.settle(draft, "posted").values["status"] == "posted"


@pytest.mark.parametrize("bad", ["a\x1b[2Jb", "a\u202eb", "nul\x00", "a\u2066b", "\ud800"])
def test_what_cannot_be_seen_cannot_be_consented_to(bad: str) -> None:
    with pytest.raises(StateError, match=r"invisible character U\+"):
        drafts.checked_text(bad)


def test_texts_are_kept_exactly_but_for_line_ends_and_outer_space() -> None:
    assert drafts.checked_text("  a \r\n\r\n b\t👨‍👩‍👧 ") == "a \n\n b\t👨‍👩‍👧"
    with pytest.raises(StateError, match="empty"):
        drafts.checked_text(" \n ")
    with pytest.raises(StateError, match="20,000"):
        drafts.checked_text("x" * 20_001)


TEXTS = st.sampled_from(["We are sorry.", "Please message us.", "謝謝您", "谢谢您"])
PEOPLE = st.sampled_from(["ana", "kim", "lee"])


class DraftLife(RuleBasedStateMachine):
    """Two drafts of one case and the post they answer, under any order of steps by anybody."""

    @initialize()
    def start(self) -> None:
        self.mention = make_mention()
        self.drafts = {1: make_draft(), 2: make_draft("Please message us.", id=2)}
        self.consents: dict[int, str | None] = {1: None, 2: None}
        self.shown: dict[int, str] = {}

    def step(self, number: int, action: str, *args: object, **kwargs: object) -> bool:
        draft = self.drafts[number]
        before = copy.copy(dict(draft.__dict__))
        try:
            change = getattr(drafts, action)(draft, *args, **kwargs)
        except StateError:
            assert {k: v for k, v in draft.__dict__.items() if k in before} == before
            return False
        if change is not None:
            apply(draft, change)
            if change.values["status"] in {"drafted", "rejected", "void", "refused"}:
                self.consents[number] = None
        return change is not None

    def others(self, number: int) -> tuple[Draft, ...]:
        return tuple(draft for key, draft in self.drafts.items() if key != number)

    @rule(number=st.sampled_from([1, 2]))
    def show(self, number: int) -> None:
        self.shown[number] = self.drafts[number].text_hash

    @rule(number=st.sampled_from([1, 2]), by=PEOPLE, looks_again=st.booleans())
    def approve(self, number: int, by: str, looks_again: bool) -> None:
        if looks_again:
            self.show(number)
        shown = self.shown.get(number, "")
        if self.step(number, "approve", self.mention, self.others(number), shown=shown, by=by, at=NOW):
            # A person consented to what they had been shown, not to what the row says.
            self.consents[number] = shown

    @rule(number=st.sampled_from([1, 2]), text=TEXTS, by=PEOPLE)
    def edit(self, number: int, text: str, by: str) -> None:
        self.step(number, "edit", self.mention, text=text, by=by)

    @rule(number=st.sampled_from([1, 2]), by=PEOPLE)
    def reject(self, number: int, by: str) -> None:
        self.step(number, "reject", by=by)

    @rule(number=st.sampled_from([1, 2]), by=PEOPLE)
    def hand_off(self, number: int, by: str) -> None:
        if self.step(number, "hand_off", self.mention, self.others(number), by=by, at=NOW):
            self.left(number)

    @rule(number=st.sampled_from([1, 2]))
    def begin_posting(self, number: int) -> None:
        if self.step(number, "begin_posting", self.mention, self.others(number)):
            self.left(number)

    def left(self, number: int) -> None:
        draft = self.drafts[number]
        assert self.consents[number] == drafts.hash_of(draft.text)
        assert draft.mention_version == self.mention.version
        assert self.mention.deleted_at is None

    @rule(number=st.sampled_from([1, 2]), outcome=st.sampled_from(["posted", "refused", "unknown"]))
    def settle(self, number: int, outcome: str) -> None:
        self.step(number, "settle", outcome)

    @rule(dice=st.integers(1, 3))
    def customer_edits(self, dice: int) -> None:
        if dice == 3:
            self.mention.version += 1

    @rule(dice=st.integers(1, 20))
    def customer_deletes(self, dice: int) -> None:
        # Seldom, since nothing happens after it.
        if dice == 20:
            self.mention.deleted_at = NOW

    @rule(number=st.sampled_from([1, 2]))
    def sweep(self, number: int) -> None:
        self.step(number, "void", self.mention)

    @invariant()
    def consent_is_to_this_text(self) -> None:
        for number, draft in getattr(self, "drafts", {}).items():
            if draft.status in drafts.LIVE:
                assert draft.approved_hash == draft.text_hash == drafts.hash_of(draft.text)
                assert self.consents[number] == draft.text_hash
            if draft.status in {"drafted", "rejected", "void", "refused"}:
                assert draft.approved_hash is None

    @invariant()
    def one_on_its_way(self) -> None:
        live = [draft for draft in getattr(self, "drafts", {}).values() if draft.status in drafts.LIVE]
        assert len(live) <= 1


DraftLife.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestDraftLife = DraftLife.TestCase

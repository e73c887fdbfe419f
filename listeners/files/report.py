"""What became of every row: the sum is checked, so that nothing is lost without a reason."""

from collections import Counter
from dataclasses import dataclass, field

from listeners.files.records import Finding
from storage.pages import Rejection

_LINES_SHOWN = 5


@dataclass(slots=True)
class ImportReport:
    """Counts of one reading of one file. `rows` is what the file holds; every row is in exactly one count."""

    name: str = ""
    rows: int = 0
    """Rows (or posts, in JSON) the file holds, broken ones included."""
    mentioning: int = 0
    """Rows that gave at least one mention."""
    mentions: int = 0
    """Mentions handed out, ours and the customers'."""
    ours: int = 0
    """Of these, our own answers and posts."""
    deletions: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Rows left out on purpose, by reason (`repeat within the file`)."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Rows kept aside, by reason."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows == self.mentioning + self.deletions + self.skipped.total() + self.rejected.total()

    def reject(self, rejection: Rejection) -> None:
        """Count a row kept aside under its reason, without the value that follows the colon."""
        self.rejected[rejection.reason.partition(":")[0]] += 1

    def find(self, kind: str, message: str, line: int, severity: str = "warning") -> None:
        """Count one more case of a finding; the first few lines are remembered."""
        for known in self.findings:
            if known.kind == kind and known.message == message:
                break
        else:
            known = Finding(kind, message, severity)
            self.findings.append(known)
        known.count += 1
        if len(known.lines) < _LINES_SHOWN:
            known.lines.append(line)

    def summary(self) -> str:
        """One line for people."""
        parts = [f"{self.rows:,} rows", f"{self.mentions - self.ours:,} mentions"]
        if self.ours:
            parts.append(f"{self.ours:,} of our own")
        if self.deletions:
            parts.append(f"{self.deletions:,} deleted")
        parts += [f"{count:,} {reason}" for reason, count in sorted(self.skipped.items())]
        if self.rejected:
            parts.append(f"{self.rejected.total():,} kept aside")
        return ", ".join(parts)

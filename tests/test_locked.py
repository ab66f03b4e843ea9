"""What continuous integration installs is pinned by the hash of every file, and is what ``constraints.txt`` names."""

from __future__ import annotations

import re

from repository import REPOSITORY

LOCK = (REPOSITORY / "requirements" / "test.txt").read_text()
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))?(?: \\)?$", re.MULTILINE)


def pins(text: str) -> set[tuple[str, str]]:
    return {(name, version) for name, version, _ in PIN.findall(text)}


def test_every_pinned_version_has_hashes() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", LOCK[LOCK.index("\nalembic") + 1 :].strip())
    assert len(entries) > 60
    for entry in entries:
        assert PIN.match(entry), entry[:80]
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)) >= 1, entry[:80]


def test_the_lock_names_the_versions_of_the_constraints() -> None:
    constrained = pins((REPOSITORY / "constraints.txt").read_text())
    names = {name for name, _ in constrained}
    assert {pin for pin in pins(LOCK) if pin[0] in names} <= constrained
    assert "torch==" not in LOCK and "nasbench" not in LOCK


def test_workflows_may_read_only_and_use_code_that_cannot_be_moved() -> None:
    workflows = list(REPOSITORY.rglob(".github/workflows/*.yml*"))
    assert workflows
    for path in workflows:
        text = path.read_text()
        assert "permissions:\n  contents: read\n" in text, path
        used = re.findall(r"uses: (\S+)", text)
        assert used and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name in used), path

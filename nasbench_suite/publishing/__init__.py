"""Leaderboards that strangers can check: bundles, their verification, joining and comparing them, a local page.

``bundle.py`` is the file format and ``reading.py`` what a reader accepts of it, ``publish.py`` makes a bundle from a leaderboard and its runs, ``verify.py`` trusts
none of it, ``rerun.py`` runs its strategies again, ``merge.py`` joins bundles, ``compare.py`` puts two leaderboards
side by side, ``serve.py`` shows a directory of leaderboards.
"""

from nasbench_suite.publishing.bundle import Bundle, Member, write_bundle
from nasbench_suite.publishing.compare import Change, Changes, compare
from nasbench_suite.publishing.load import load_runs
from nasbench_suite.publishing.merge import merge
from nasbench_suite.publishing.publish import publish, write_published
from nasbench_suite.publishing.reading import read_bundle
from nasbench_suite.publishing.rerun import LIMITS, Limits
from nasbench_suite.publishing.serve import make_server
from nasbench_suite.publishing.verify import Finding, Verification, verify

__all__ = [
    "LIMITS",
    "Bundle",
    "Change",
    "Changes",
    "Finding",
    "Limits",
    "Member",
    "Verification",
    "compare",
    "load_runs",
    "make_server",
    "merge",
    "publish",
    "read_bundle",
    "verify",
    "write_bundle",
    "write_published",
]

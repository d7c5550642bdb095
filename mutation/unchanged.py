"""
Changes that no test can notice, because they change nothing that a program does.
"""

from __future__ import annotations

#: The reason why a change makes no difference, by the path below ``src/dwdht_twisted``, and by the
#: changed lines before and after the change.
UNCHANGED: dict[tuple[str, str, str], str] = {
    (
        "_core/lookup/commit.py",
        "self._waiting.append(Candidate(address, None, 0))",
        "self._waiting.append(Candidate(address, None, -1))",
    ): "a fixed list of nodes is asked in its order, whatever their distances",
    (
        "_core/lookup/commit.py",
        "self._waiting.append(Candidate(address, None, 0))",
        "self._waiting.append(Candidate(address, None, 1))",
    ): "a fixed list of nodes is asked in its order, whatever their distances",
    (
        "_core/lookup/lookup.py",
        "spacing: int = 0,",
        "spacing: int = 1,",
    ): "both mean that no id is implausibly close to the target, and no k nodes are a crowd",
    (
        "_net/asking/driver.py",
        "self._receiver: Receiver | None = None",
        "pass",
    ): "the receiver is set before the search, and read only while there is a search",
    (
        "_net/asking/driver.py",
        "del self._requests[candidate]",
        "pass",
    ): "the ended request is cancelled at the end of the search, which does nothing to it",
}

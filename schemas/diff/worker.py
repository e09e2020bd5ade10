"""The process that judges one case after another; its parent may kill it at any time and start another."""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import Any

from schemas.diff import documents
from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Policy, line

MEMORY = 4 * 1024 * 1024 * 1024
STACK = 20_000


def judge(case: Any) -> dict[str, Any]:
    """Return the answer to one case, or what was wrong with it; never raises."""
    name = case.get("id") if isinstance(case, dict) else None
    try:
        return {"id": name, **_answer(case)}
    except BadDocument as error:
        return {"id": name, "error": {"type": "bad_document", "message": str(error)}}
    except RecursionError:
        return {"id": name, "error": {"type": "too_deep", "message": "the documents refer too deeply into each other"}}
    except MemoryError:
        return {"id": name, "error": {"type": "too_large", "message": "the comparison needs more memory than it may"}}
    except Exception as error:  # noqa: BLE001 - one bad case must not end the stream of the others
        return {"id": name, "error": {"type": "internal", "message": f"{type(error).__name__}: {error}"}}


def _answer(case: Any) -> dict[str, Any]:
    if not isinstance(case, dict):
        raise BadDocument("a case is an object {id, kind, role, old, new, policy?}")
    if missing := [key for key in ("kind", "role", "old", "new") if key not in case]:
        raise BadDocument(f"the case lacks {', '.join(missing)}")
    policy = case.get("policy") or {}
    if not isinstance(policy, dict):
        raise BadDocument("policy: an object of option and word")
    old, new = documents.bounded(case["old"]), documents.bounded(case["new"])
    return compare(case["kind"], old, new, case["role"], Policy.of(policy)).as_dict()


def main() -> None:
    """Read a case a line on standard input, write an answer a line on standard output, until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.setrecursionlimit(STACK)
    seconds = float(sys.argv[1])
    for case in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, seconds)  # ends the process; the parent knows by which signal
        try:
            found = json.loads(case)
        except (ValueError, RecursionError) as error:
            answer = {"id": None, "error": {"type": "unreadable", "message": f"not a line of JSON: {error}"}}
        else:
            answer = judge(found)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.write(f"{line(answer)}\n".encode())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

"""Recompute the figures of exported evidence with nothing but Python: `python3 verify.py [FILE.zip | FOLDER] [--signatures]`.

Each receipt is what its hash says, each occurrence says what receipts say, verdict and blame follow from its times, every figure
from the occurrences, what was due of messages and cases from their days and the working days, and the signed manifest covers
all files. With --signatures also the signature of each receipt (about 15 ms each). Exit code 0: equal; 1: the first difference
is printed; 2: usage.
"""

import hashlib
import json
import sys
import zipfile
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from pathlib import Path

from gateway.ledger.verify_receipts import by_us, public_key

FIRST = "00" * 32
NAMED = 200  # of what waits beyond its day
COUNTS = ("expected", "on_time", "late", "exempt", "unmeasured", "open", "late_source", "late_hub", "late_target")
BOUNDS = (
    1000,
    2000,
    5000,
    10000,
    15000,
    30000,
    60000,
    120000,
    300000,
    600000,
    1800000,
    3600000,
    7200000,
    21600000,
    86400000,
)


class Differs(Exception):
    """Raised at the first thing that is not as the file says."""


class Files:
    """The files of a zip or a folder."""

    def __init__(self, path):
        """Open the zip, or take the folder."""
        self.path = Path(path)
        self.archive = None if self.path.is_dir() else zipfile.ZipFile(self.path)

    def read(self, name):
        """Return a file's bytes; Differs when it is not there."""
        try:
            return self.archive.read(name) if self.archive else (self.path / name).read_bytes()
        except (KeyError, FileNotFoundError):
            raise Differs(f"{name} is missing") from None

    def lines(self, name):
        """Yield number and value of each line."""
        for number, line in enumerate(self.read(name).splitlines(), 1):
            try:
                yield number, json.loads(line)
            except ValueError:
                raise Differs(f"{name} line {number} is no JSON") from None

    def json(self, name):
        """Return a file's value."""
        try:
            return json.loads(self.read(name))
        except ValueError:
            raise Differs(f"{name} is no JSON") from None


def canonical(value):
    """Return canonical JSON of text, integers, lists and objects with ASCII names (RFC 8785)."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def moment(text):
    """Return a moment."""
    return None if text is None else datetime.fromisoformat(text)


def ms(later, earlier):
    """Return the milliseconds between two moments, halves up."""
    micro = (later - earlier) // timedelta(microseconds=1)
    return (micro + 500) // 1000


def receipts(files, keys, signatures):
    """Return the runs that the receipts tell of, by number; Differs at the first that is not what its hash says."""
    runs = {}
    for number, entry in files.lines("receipts.jsonl"):
        body, no = entry["body"], entry["no"]
        found = hashlib.sha256(bytes.fromhex(entry["prev"]) + canonical(body)).hexdigest()
        if body.get("no") != no or found != entry["hash"]:
            raise Differs(f"receipt {no} (receipts.jsonl line {number}) was changed")
        if signatures and not by_us(keys, entry["key_id"], bytes.fromhex(found), entry["signature"]):
            raise Differs(f"receipt {no} (receipts.jsonl line {number}) is not signed by a key of this file")
        runs[no] = run_of(body)
    return runs


def run_of(body):
    """Return what an occurrence asks of a receipt."""
    probe, clocks = body.get("probe") or {}, body["clocks"]
    times = [moment(t) for t in (clocks.get("oldest"), probe.get("absent_until")) if t]
    timed = body["run"] == "delta" and body["content"]["rows"] > 0 and times
    confirmed, outbound = moment(clocks["confirmed"]), body["from"] == "hub"
    return {
        "no": body["no"],
        "route": body["route"],
        "dataset": body["dataset"],
        "outbound": outbound,
        "run": body["run"],
        "batch": body["batch"],
        "upto": (body.get("delivery") or {}).get("upto"),
        "at": moment(probe.get("at") or clocks["received"]),
        "available": max(times) if timed else None,
        "confirmed": confirmed,
        "read": body["read"],
        "rejected": body["rejected"],
        "rows": body["content"]["rows"] + body["deleted"],
    }


class Book:
    """The runs in the orders in which occurrences ask for them."""

    def __init__(self, runs):
        """Sort them once."""
        self.runs = [r for r in runs.values() if r["run"] != "replay"]
        self.by_at, self.by_available, self.by_dataset, self.by_upto = {}, {}, {}, {}
        for run in self.runs:
            add(self.by_at, run["route"], run["at"], run)
            if run["available"]:
                add(self.by_available, run["route"], run["available"], run)
            if run["outbound"]:
                add(self.by_upto, run["route"], run["upto"], run)
            else:
                add(self.by_dataset, run["dataset"], run["confirmed"], run)
        for index in (self.by_at, self.by_available, self.by_dataset, self.by_upto):
            for rows in index.values():
                rows.sort(key=lambda pair: (pair[0], pair[1]["no"]))

    def since(self, index, name, begins, ends=None):
        """Yield the runs of a name from a moment on."""
        rows = index.get(name, [])
        for key, run in rows[bisect_left(rows, begins, key=lambda pair: pair[0]) :]:
            if ends is not None and key >= ends:
                return
            yield run


def add(index, name, key, run):
    """Put a run under its name."""
    index.setdefault(name, []).append((key, run))


def expected_of(book, agreement, event):
    """Return what receipts say of an occurrence: receipt, when it was confirmed, batches, the longest, the histogram."""
    slot, until = moment(event["slot"]), moment(event["until"])
    if agreement["kind"] == "scheduled":
        run = next(book.since(book.by_at, agreement["route"], slot), None)
        if run is None:
            return None, None, 0, None, None
        begins = slot if run["outbound"] else max(run["at"], moment(event["source_due"]))
        return run["no"], run["confirmed"], 1, ms(run["confirmed"], begins), None
    carried = list(batches(book, agreement, slot, until))
    if not carried:
        index, name = (
            (book.by_dataset, agreement["dataset"]) if agreement["outbound"] else (book.by_at, agreement["route"])
        )
        idle = next(book.since(index, name, slot, until), None)
        seen = None if idle is None else idle["confirmed" if agreement["outbound"] else "at"]
        return (idle and idle["no"]), seen, 0, None, None
    histogram = [0] * (len(BOUNDS) + 1)
    for _, run in carried:
        if run[1] is not None:
            histogram[bisect_left(BOUNDS, run[0])] += 1
    open_ones = [run for _, run in carried if run[1] is None]
    known = [run for _, run in carried if run[1] is not None]
    slowest = open_ones[0] if open_ones else max(known, key=lambda run: run[0])
    return slowest[2], slowest[1], len(carried), max((run[0] for run in known), default=None), histogram


def batches(book, agreement, slot, until):
    """Yield, in the order in which they became available, the batches of a window: (available, (ms, confirmed, receipt))."""
    if not agreement["outbound"]:
        for run in book.since(book.by_available, agreement["route"], slot, until):
            yield run["available"], (ms(run["confirmed"], run["available"]), run["confirmed"], run["no"])
        return
    for run in book.since(book.by_dataset, agreement["dataset"], slot, until):
        if run["rows"] <= 0:
            continue
        taking = book.since(book.by_upto, agreement["route"], run["batch"])
        sent = next((d for d in taking if d["confirmed"] >= run["confirmed"]), None)
        took = None if sent is None else ms(sent["confirmed"], run["confirmed"])
        yield run["confirmed"], (took, sent and sent["confirmed"], sent and sent["no"])


def verdict_of(event, agreement, docket, as_of):
    """Return verdict and blame by the times of an occurrence."""
    times = {
        name: moment(event[name])
        for name in ("due", "source_due", "absent_until", "seen_at", "handed_at", "confirmed_at")
    }
    confirmed, due = times["confirmed_at"], times["due"]
    if docket == "exempt":
        return "exempt", None
    if due > as_of and confirmed is None:
        return "open", None
    if not event["measured"]:
        return "unmeasured", None
    if confirmed is not None and confirmed <= due:
        return "on_time", None
    if docket is not None:
        return "late", docket
    if times["absent_until"] is not None and times["absent_until"] > times["source_due"]:
        return "late", "source"
    begun = max(t for t in (times["seen_at"], times["source_due"]) if t is not None)
    if (times["handed_at"] or as_of) - begun > timedelta(seconds=agreement["hub_s"]):
        return "late", "hub"
    if times["handed_at"] and (confirmed or as_of) - times["handed_at"] > timedelta(seconds=agreement["target_s"]):
        return "late", "target"
    return "late", "hub"


def dockets_of(files, as_of):
    """Return the effect of granted dockets by route and slot; an exemption goes before a ruling on blame."""
    found = {}
    for _, docket in files.lines("dockets.jsonl"):
        withdrawn = moment(docket["withdrawn_at"])
        if docket["ruling"] != "granted" or moment(docket["ruled_at"]) > as_of or (withdrawn and withdrawn <= as_of):
            continue
        for route, slot in docket["occurrences"]:
            rank = (docket["effect"] == "exempt", moment(docket["ruled_at"]))
            if (route, slot) not in found or found[route, slot][0] < rank:
                found[route, slot] = (rank, docket["no"], docket["effect"])
    return found


def occurrences(files, book, agreements, dockets, as_of):
    """Yield each occurrence with its agreement; Differs at the first that does not fit the chain, its receipts or its times."""
    prev = FIRST
    for number, line in files.lines("occurrences.jsonl"):
        sealed = line.pop("seal")
        where = f"occurrence {line.get('route')} {line.get('slot')} (line {number})"
        if hashlib.sha256(bytes.fromhex(prev) + canonical(line)).hexdigest() != sealed:
            raise Differs(f"{where} does not fit the one before it")
        prev, agreement = sealed, agreements.get(line["agreement"])
        if agreement is None or agreement["route"] != line["route"]:
            raise Differs(f"{where}: its agreement is not in the file")
        told = (line["receipt"], moment(line["confirmed_at"]), line["n"], line["max_ms"], line["histogram"])
        found = expected_of(book, agreement, line)
        if found != told:
            raise Differs(f"{where}: the file says {shown(told)}, receipts say {shown(found)}")
        _, no, effect = dockets.get((line["route"], line["slot"]), (None, None, None))
        judged = verdict_of(line, agreement, effect, as_of)
        if (line["verdict"], line["blame"], line["docket"]) != (*judged, no):
            raise Differs(
                f"{where}: the file says {line['verdict']} {line['blame']}, its times say {judged[0]} {judged[1]}"
            )
        yield line, agreement
    yield prev, None


def shown(facts):
    """Return facts in words."""
    return f"receipt {facts[0]}, confirmed {facts[1]}, {facts[2]} batches, longest {facts[3]} ms, {facts[4]}"


def rate(part, whole):
    """Return part of whole in basis points, halves up."""
    return None if whole == 0 else (2 * 10000 * part + whole) // (2 * whole)


def judged(counts):
    """Return rate and coverage."""
    due = counts["expected"] - counts["open"]
    return {
        "rate_bp": rate(counts["on_time"], counts["on_time"] + counts["late"]),
        "coverage_bp": rate(due - counts["unmeasured"], due),
    }


def percentile(ordered, percent):
    """Return a percentile of ordered values: the first at or beyond that share."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None


def latency(events, kind):
    """Return what may be said of the latencies of what was on time or late."""
    events = [e for e in events if e["verdict"] in ("on_time", "late")]
    if kind == "scheduled":
        times = sorted(e["max_ms"] for e in events if e["max_ms"] is not None)
        count, found = len(times), [percentile(times, p) for p in (50, 95, 99)]
    else:
        total = [sum(e["histogram"][i] for e in events if e["histogram"]) for i in range(len(BOUNDS) + 1)]
        count, found = sum(total), []
        for percent in (50, 95, 99):
            wanted, seen, place = -(-sum(total) * percent // 100), 0, 0
            while place < len(total) and seen + total[place] < wanted:
                seen += total[place]
                place += 1
            found.append(BOUNDS[place] if count and place < len(BOUNDS) else None)
    return {
        "n": count,
        "longest_ms": max((e["max_ms"] for e in events if e["max_ms"] is not None), default=None),
        "p50_ms": found[0] if count >= 20 else None,
        "p95_ms": found[1] if count >= 20 else None,
        "p99_ms": found[2] if count >= 100 else None,
    }


def route_figures(events, runs):
    """Return the figures of a route of which occurrences and receipts tell."""
    agreement = max((a for _, a in events), key=lambda a: a["agreement"])
    lines = [e for e, _ in events]
    counts = dict.fromkeys(COUNTS, 0)
    for line in lines:
        counts["expected"] += 1
        counts[line["verdict"]] += 1
        if line["blame"]:
            counts["late_" + line["blame"]] += 1
    may = (counts["on_time"] + counts["late"] + counts["open"]) * (10000 - agreement["target_bp"]) // 10000
    read, rejected = sum(r["read"] for r in runs), sum(r["rejected"] for r in runs)
    return {
        "unit": agreement["unit"],
        "outbound": agreement["outbound"],
        "target_bp": agreement["target_bp"],
        **counts,
        **judged(counts),
        "allowed": may,
        "left": may - counts["late"],
        "latency": latency(lines, agreement["kind"]),
        "batches": len(runs),
        "read": read,
        "rejected": rejected,
        "rejected_bp": rate(rejected, read),
    }


def compare(what, told, found):
    """Return how many figures are equal; Differs at the first that is not."""
    for name, value in found.items():
        if told.get(name) != value:
            raise Differs(f"{what}, {name}: the file says {told.get(name)}, receipts say {value}")
    return len(found)


def figures(issue, events, book, span):
    """Recompute every figure of routes, totals and units; return how many are equal."""
    groups, ran = {}, {}
    for line, agreement in events:
        groups.setdefault((agreement["route"], agreement["kind"], agreement["unit"]), []).append((line, agreement))
    for run in book.runs:
        if span[0] <= run["at"] < span[1] and run["at"] <= span[2]:
            ran.setdefault(run["route"], []).append(run)
    found = {key: route_figures(rows, ran.get(key[0], [])) for key, rows in groups.items()}
    told = {(r["route"], r["kind"], r["unit"]): r for r in issue["routes"]}
    if told.keys() != found.keys():
        raise Differs(f"routes: the file names {sorted(told.keys() ^ found.keys())} on one side alone")
    equal = sum(compare(f"route {key[0]} ({key[1]})", told[key], found[key]) for key in sorted(found))
    for kind in ("all", "scheduled", "real_time"):
        rows = [f for key, f in found.items() if kind in ("all", key[1])]
        summed = {n: sum(r[n] for r in rows) for n in (*COUNTS, "allowed", "batches", "read", "rejected")}
        summed |= {**judged(summed), "rejected_bp": rate(summed["rejected"], summed["read"])}
        equal += compare(f"totals ({kind})", issue["totals"][kind], summed)
    return equal + units(issue, found) + days(issue, events)


def days(issue, events):
    """Recompute what was on time and late on each day in China; return how many figures are equal."""
    found = {}
    for line, _ in events:
        day = (moment(line["slot"]) + timedelta(hours=8)).date().isoformat()
        row = found.setdefault(day, {"on_time": 0, "late": 0})
        if line["verdict"] in row:
            row[line["verdict"]] += 1
    told = {row["day"]: row for row in issue["days"]}
    if told.keys() != found.keys():
        raise Differs(f"days: the file names {sorted(told.keys() ^ found.keys())} on one side alone")
    return sum(compare(f"day {day}", told[day], found[day]) for day in sorted(found))


def units(issue, routes):
    """Recompute counts, rates and places of units; return how many are equal."""
    found = {}
    for (_, kind, unit), figures_ in routes.items():
        row = found.setdefault((kind, unit), dict.fromkeys((*COUNTS, "allowed", "late_own"), 0))
        for name in (*COUNTS, "allowed"):
            row[name] += figures_[name]
        row["late_own"] += figures_["late_target" if figures_["outbound"] else "late_source"]
    for row in found.values():
        row.update(judged(row))
        row["rate_bp"] = rate(row["on_time"], row["on_time"] + row["late_own"])
    for (kind, _), row in found.items():
        few = row["on_time"] + row["late_own"] < 5
        row["why"] = "too_few" if few else "too_little_measured" if (row["coverage_bp"] or 0) < 9500 else ""
        row["kind"] = kind
    for row in found.values():
        better = [
            r
            for r in found.values()
            if r["kind"] == row["kind"] and not r["why"] and r["rate_bp"] > (row["rate_bp"] or 0)
        ]
        row["place"] = None if row["why"] else 1 + len(better)
    told = {(r["kind"], r["unit"]): r for r in issue["units"]}
    if told.keys() != found.keys():
        raise Differs(f"units: the file names {sorted(told.keys() ^ found.keys())} on one side alone")
    return sum(compare(f"unit {key[1]} ({key[0]})", told[key], found[key]) for key in sorted(found))


def after(workdays, day, count):
    """Return the `count`-th working day after a day; the day itself for none."""
    return workdays[bisect_right(workdays, day) + count - 1] if count else day


def deadlines(files, issue, covered):
    """Recompute what was due, in time and late of messages and cases; return how many are equal."""
    if "deadlines.jsonl" not in covered:  # the file is older than they are
        return 0
    workdays, found = files.json("deadline_workdays.json"), {row["deadline"]: [] for row in issue["deadlines"]}
    today = (moment(issue["as_of"]) + timedelta(hours=8)).date().isoformat()
    for number, line in files.lines("deadlines.jsonl"):
        where = f"{line['deadline']} {line['no']} (deadlines.jsonl line {number})"
        try:
            due = after(workdays, after(workdays, line["day"], line["workdays"]), line["rested"])
        except IndexError:
            raise Differs(f"{where}: the file has too few working days") from None
        if due != line["due"] or line["deadline"] not in found:
            raise Differs(f"{where}: the file says due on {line['due']}, its days say {due}")
        found[line["deadline"]].append(line)
    return sum(
        compare(f"deadline {r['deadline']}", r, deadline(found[r["deadline"]], issue, today, workdays))
        for r in issue["deadlines"]
    )


def deadline(matters, issue, today, workdays):
    """Return the figures of a deadline by its matters."""
    last = min(issue["last"], today)
    due = [m for m in matters if issue["first"] <= m["due"] <= last]
    kept = [m for m in due if m["answered"] and m["answered"] <= m["due"]]
    late = [m for m in due if (m["answered"] or today) > m["due"]]
    waiting = [m for m in matters if not m["answered"] and m["due"] <= last and m["due"] < today]
    over = [
        {**{name: m[name] for name in ("no", "unit", "due")},
         "workdays_over": bisect_right(workdays, today) - bisect_right(workdays, m["due"])}
        for m in sorted(waiting, key=lambda m: (m["due"], m["no"]))
    ]  # fmt: skip
    return {
        "due": len(due), "kept": len(kept), "late": len(late), "waiting": len(waiting), "kept_bp": rate(len(kept), len(kept) + len(late)),
        "overdue": over[:NAMED],
    }  # fmt: skip


def manifest(files, keys, root, count):
    """Check that the signed manifest covers the files as they are; return it."""
    text = files.read("manifest.json")
    found = json.loads(text)
    for name, told in found["files"].items():
        if hashlib.sha256(files.read(name)).hexdigest() != told:
            raise Differs(f"{name} is not the file of the manifest")
    if (found["root"], found["count"]) != (root, count):
        raise Differs(
            f"the manifest says {found['count']} occurrences, head {found['root']}; there are {count}, head {root}"
        )
    sealed = files.json("signature.json")
    if not by_us(keys, sealed["key_id"], canonical(found), sealed["signature"]):
        raise Differs("the manifest is not signed by a key of this file")
    return found


def check(path, signatures=False):
    """Return lines that tell what was checked; Differs at the first difference."""
    files = Files(path)
    issue = files.json("issue.json")
    keys = {name: public_key(pem) for name, pem in files.json("keys.json").items()}
    runs = receipts(files, keys, signatures)
    book = Book(runs)
    as_of = moment(issue["as_of"])
    agreements = {a["agreement"]: a for a in files.json("agreements.json")}
    events = list(occurrences(files, book, agreements, dockets_of(files, as_of), as_of))
    root = events.pop()[0]
    found = manifest(files, keys, root, len(events))
    span = (moment(found["begins"]), moment(found["ends"]), as_of)
    if any(not span[0] <= moment(line["slot"]) < span[1] for line, _ in events):
        raise Differs("an occurrence lies outside of the period")
    equal = figures(issue, events, book, span) + deadlines(files, issue, found["files"])
    return [
        f"{issue['period']}  receipts {len(runs):,}  occurrences {len(events):,}  chain ok  head {root}",
        f"figures   {equal} equal  0 unequal",
    ]


def main(arguments):
    """Print the verdict and return the exit code."""
    paths = [a for a in arguments if not a.startswith("-")] or [str(Path(__file__).resolve().parent)]
    if len(paths) != 1:
        print(__doc__)
        return 2
    try:
        print("\n".join(check(paths[0], "--signatures" in arguments)))
    except (Differs, KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        print(f"DIFFERS: {error if isinstance(error, Differs) else 'the file cannot be read: ' + repr(error)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

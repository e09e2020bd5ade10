"""Compare two WSDL 1.1 documents: what stops a call harms both sides, what is in a message the side that it goes to.

An input message is what writers send, an output message is what readers get: each is judged for that side alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from schemas.diff.model import Change, Effect, Policy
from schemas.diff.wsdl_read import Message, Operation, Part, Port, of_text
from schemas.diff.xsd_compare import Comparison

NONE, INFO, WARN, BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Return what differs between two WSDL documents, given as texts; BadDocument when one of them is none."""
    left, right = of_text(old, "old"), of_text(new, "new")
    found = _Wsdl(Comparison(left.components, right.components, policy))
    if left.target != right.target:
        found.both("namespace_changed", "", left.target, right.target, "wsdl.namespace")
    for name in sorted({*left.ports, *right.ports}):
        found.port(name, left.ports.get(name), right.ports.get(name))
    return found.comparison.found


class _Wsdl:
    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def both(self, kind: str, path: str, before: Any, after: Any, rule: str) -> None:
        self.comparison.add(kind, path, before, after, BREAKING, BREAKING, rule)

    @contextmanager
    def _side(self, *, reads: bool) -> Iterator[None]:
        self.comparison.reads, self.comparison.writes = reads, not reads
        yield
        self.comparison.reads = self.comparison.writes = True

    def port(self, path: str, old: Port | None, new: Port | None) -> None:
        if old is None or new is None:
            if new is None:
                self.both("port_removed", path, path, None, "wsdl.port.remove")
            else:
                self.comparison.add("port_added", path, None, path, INFO, NONE, "wsdl.port.add")
            return
        for fact, rule in (("protocol", "wsdl.protocol"), ("transport", "wsdl.transport")):
            if (before := getattr(old, fact)) != (after := getattr(new, fact)):
                self.both("binding_changed", path, before, after, rule)
        if old.address != new.address:
            self.comparison.add("address_changed", path, old.address, new.address, WARN, WARN, "wsdl.address")
        for name in sorted({*old.operations, *new.operations}):
            self._operation(f"{path}/{name}", old.operations.get(name), new.operations.get(name), name)

    def _operation(self, path: str, old: Operation | None, new: Operation | None, name: str) -> None:
        if old is None or new is None:
            if new is None:
                self.both("operation_removed", path, name, None, "wsdl.operation.remove")
            else:
                self.comparison.add("operation_added", path, None, name, INFO, NONE, "wsdl.operation.add")
            return
        for fact, rule in (("action", "wsdl.action"), ("style", "wsdl.style")):
            if (before := getattr(old, fact)) != (after := getattr(new, fact)):
                self.both("operation_changed", path, before, after, rule)
        self._message(f"{path}/input", old.input, new.input, old.style, reads=False)
        self._message(f"{path}/output", old.output, new.output, old.style, reads=True)
        for fault in sorted({*old.faults, *new.faults}):
            where = f"{path}/fault/{fault}"
            if fault not in old.faults:
                self.comparison.add("fault_added", where, None, fault, WARN, WARN, "wsdl.fault.add")
            elif fault not in new.faults:
                self.comparison.add("fault_removed", where, fault, None, INFO, NONE, "wsdl.fault.remove")
            else:
                self._message(where, old.faults[fault], new.faults[fault], "document", reads=True)

    def _message(self, path: str, old: Message | None, new: Message | None, style: str, *, reads: bool) -> None:
        if old is None or new is None:
            if old is not new:
                self.both("message_changed", path, _present(old), _present(new), "wsdl.message")
            return
        for fact, rule in (("use", "wsdl.use"), ("namespace", "wsdl.namespace")):
            if (before := getattr(old, fact)) != (after := getattr(new, fact)):
                self.both("message_changed", path, before, after, rule)
        self._headers(path, old, new, reads=reads)
        if style == "rpc":
            self._parameters(path, old, new, reads=reads)
        elif _shapes(old.parts) != _shapes(new.parts):
            self.both("message_changed", path, _words(old.parts), _words(new.parts), "wsdl.message")
        else:
            for left, right in zip(old.parts, new.parts, strict=True):
                self._part(path, left, right, reads=reads)

    def _headers(self, path: str, old: Message, new: Message, *, reads: bool) -> None:
        left, right = ({part.refers: part for part in message.headers} for message in (old, new))
        for name in sorted({*left, *right}):
            if name in left and name in right:
                self._part(f"{path}/header", left[name], right[name], reads=reads)
            else:
                before, after = (name if name in side else None for side in (left, right))
                self.both("header_changed", f"{path}/header/{name}", before, after, "wsdl.header")

    def _parameters(self, path: str, old: Message, new: Message, *, reads: bool) -> None:
        """Compare the parts of an RPC message: each is an element of the part's name, in their order, none may lack."""
        left, right = {part.name: part for part in old.parts}, {part.name: part for part in new.parts}
        with self._side(reads=reads):
            for name in sorted(left.keys() ^ right.keys()):
                kind = "part_removed" if name in left else "part_added"
                before, after = (name if name in side else None for side in (left, right))
                self.comparison.add(kind, f"{path}/{name}", before, after, BREAKING, BREAKING, _RULES[kind])
            shared = [name for name in left if name in right]
            if shared != [name for name in right if name in left]:
                self.comparison.add("parts_moved", path, list(left), list(right), BREAKING, BREAKING, "wsdl.part.order")
        for name in shared:
            # An encoded part tells the name of its type beside its value.
            named = "encoded" in (old.use, new.use) and left[name].refers != right[name].refers
            if named and left[name].kind == right[name].kind != "elsewhere":
                with self._side(reads=reads):
                    told = left[name].refers, right[name].refers
                    self.comparison.judged("part_changed", f"{path}/{name}", *told, False, False, "wsdl.part")
            else:
                self._part(f"{path}/{name}", left[name], right[name], reads=reads)

    def _part(self, path: str, old: Part, new: Part, *, reads: bool) -> None:
        if old.kind != new.kind or old.kind == "elsewhere":
            if old != new:
                with self._side(reads=reads):
                    fits = None if "elsewhere" in (old.kind, new.kind) else False
                    self.comparison.judged("part_changed", path, old.refers, new.refers, fits, fits, "wsdl.part")
            return
        builders = self.comparison.builders
        with self._side(reads=reads):
            if old.kind == "element":
                if old.refers != new.refers:
                    self.comparison.judged("part_changed", path, old.refers, new.refers, False, False, "wsdl.part")
                else:
                    top = (b.top(old.refers) for b in builders)
                    self.comparison.elements(f"{path}/{old.refers}", *top)
            else:
                self.comparison.types(path, builders[0].type(old.refers), builders[1].type(new.refers))


_RULES = {"part_removed": "wsdl.part.remove", "part_added": "wsdl.part.add"}


def _shapes(parts: tuple[Part, ...]) -> list[tuple[str, str]]:
    """Return what makes two bodies the same to look at: the elements at their roots."""
    return [(part.kind, part.refers if part.kind == "element" else "") for part in parts]


def _words(parts: tuple[Part, ...]) -> list[str]:
    return [f"{part.kind} {part.refers}" for part in parts]


def _present(message: Message | None) -> str | None:
    return None if message is None else "message"

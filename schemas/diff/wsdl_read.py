"""What a WSDL 1.1 document offers: ports, their operations, and the messages of each, with names resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.diff.model import BadDocument
from schemas.diff.xml import children, local, named, parsed
from schemas.diff.xsd_builtin import XSD
from schemas.diff.xsd_schema import Components, of_nodes

WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SECOND = "http://www.w3.org/ns/wsdl"
_PROTOCOLS = {
    "http://schemas.xmlsoap.org/wsdl/soap/": "SOAP 1.1", "http://schemas.xmlsoap.org/wsdl/soap12/": "SOAP 1.2",
    "http://schemas.xmlsoap.org/wsdl/http/": "HTTP",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message: an element, or a type under the part's own name."""

    name: str
    kind: str
    refers: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent one way: how it is written, the parts of its body, and its headers by the element or type in them."""

    use: str = "literal"
    namespace: str = ""
    parts: tuple[Part, ...] = ()
    headers: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a port; a side that has no message is None."""

    action: str
    style: str
    input: Message | None
    output: Message | None
    faults: dict[str, Message] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Port:
    """Where and how operations are called."""

    address: str
    protocol: str
    transport: str
    operations: dict[str, Operation]


@dataclass(frozen=True, slots=True)
class Description:
    """A whole document; ports are named `service/port`."""

    target: str
    ports: dict[str, Port]
    components: Components


def of_text(text: Any, what: str) -> Description:
    """Return what a document offers; BadDocument when it is no WSDL 1.1."""
    root = parsed(text, what)
    if root.tag == f"{{{_SECOND}}}description":
        raise BadDocument(f"{what}: WSDL 2.0 is not read, WSDL 1.1 is")
    if root.tag != f"{{{WSDL}}}definitions":
        raise BadDocument(f"{what}: the root is {root.tag}, not {{{WSDL}}}definitions")
    reader = _Reader(root)
    schemas = root.findall(f"{{{WSDL}}}types/{{{XSD}}}schema")
    return Description(reader.target, reader.ports(), of_nodes(schemas))


class _Reader:
    def __init__(self, root: Any) -> None:
        self._root = root
        self.target = root.get("targetNamespace", "")
        self._named: dict[str, dict[str, Any]] = {}
        for kind, node in children(root, WSDL):
            self._named.setdefault(kind, {})[node.get("name", "")] = node

    def _find(self, kind: str, node: Any, name: str) -> Any:
        """Return the component that a QName refers to; None when it is not in this document."""
        return self._named.get(kind, {}).get(local(named(node, name))) if name else None

    def ports(self) -> dict[str, Port]:
        """Return the ports of all services; without a service, what each binding or else each port type offers."""
        found: dict[str, Port] = {}
        for name, service in self._named.get("service", {}).items():
            for kind, port in children(service, WSDL):
                if kind == "port":
                    address = next((child.get("location", "") for child in port if _protocol(child)), "")
                    found[f"{name}/{port.get('name')}"] = self._port(
                        self._find("binding", port, port.get("binding", "")), address
                    )
        if "service" not in self._named:
            for kind in ("binding", "portType") if "binding" in self._named else ("portType",):
                found.update(
                    (f"{kind}/{name}", self._port(node, "")) for name, node in self._named.get(kind, {}).items()
                )
                if found:
                    break
        return found

    def _port(self, node: Any, address: str) -> Port:
        if node is None:
            return Port(address, "elsewhere", "", {})
        if node.tag == f"{{{WSDL}}}portType":
            return Port(address, "", "", self._operations(node, None, "document"))
        extension = next((child for child in node if _protocol(child)), None)
        protocol = "" if extension is None else _protocol(extension)
        transport = "" if extension is None else extension.get("transport", extension.get("verb", ""))
        style = "document" if extension is None else extension.get("style", "document")
        offered = self._find("portType", node, node.get("type", ""))
        return Port(address, protocol, transport, {} if offered is None else self._operations(offered, node, style))

    def _operations(self, offered: Any, binding: Any, style: str) -> dict[str, Operation]:
        bound: dict[str, list[Any]] = {}
        for kind, node in children(binding, WSDL) if binding is not None else ():
            if kind == "operation":
                bound.setdefault(node.get("name", ""), []).append(node)
        found: dict[str, Operation] = {}
        for kind, node in children(offered, WSDL):
            if kind != "operation":
                continue
            name = node.get("name", "")
            mine = bound.get(name, [])
            if binding is not None and not mine:
                continue
            key, times = name, 1
            while key in found:
                times += 1
                key = f"{name}#{times}"  # overloaded: told apart by its place
            found[key] = self._operation(node, mine[min(times, len(mine)) - 1] if mine else None, style)
        return found

    def _operation(self, node: Any, bound: Any, style: str) -> Operation:
        extension = None if bound is None else next((child for child in bound if _protocol(child)), None)
        own = {} if extension is None else extension.attrib
        sides: dict[str, Message] = {}
        faults: dict[str, Message] = {}
        written = {} if bound is None else {k: n for k, n in children(bound, WSDL) if k in {"input", "output"}}
        for kind, side in children(node, WSDL):
            if kind in {"input", "output"}:
                sides[kind] = self._message(side, written.get(kind))
            elif kind == "fault":
                faults[side.get("name", "")] = self._message(side, None)
        order = (node.get("parameterOrder") or "").split()
        return Operation(
            own.get("soapAction", own.get("location", "")), own.get("style", style), _ordered(sides.get("input"), order),
            sides.get("output"), faults,
        )  # fmt: skip

    def _message(self, side: Any, bound: Any) -> Message:
        parts = self._parts(side, side.get("message", ""))
        if bound is None:
            return Message(parts=parts)
        use, namespace, chosen, headers = "literal", "", None, list[Part]()
        for node in bound.iter():
            if not isinstance(node.tag, str) or not _protocol(node):
                continue
            if local(node.tag) == "body":
                use, namespace = node.get("use", "literal"), node.get("namespace", "")
                chosen = node.get("parts").split() if node.get("parts") is not None else None
            elif local(node.tag) == "header":
                held = self._parts(node, node.get("message", ""))
                headers += [part for part in held if part.name == node.get("part")]
                if named(node, node.get("message", "")) == named(side, side.get("message", "")):
                    parts = tuple(part for part in parts if part.name != node.get("part"))
        if chosen is not None:
            parts = tuple(part for part in parts if part.name in chosen)
        return Message(use, namespace, parts, tuple(headers))

    def _parts(self, node: Any, name: str) -> tuple[Part, ...]:
        message = self._find("message", node, name)
        if message is None:
            return (Part("", "elsewhere", name),) if name else ()
        found = list[Part]()
        for kind, part in children(message, WSDL):
            if kind == "part":
                how = "element" if part.get("element") is not None else "type"
                found.append(Part(part.get("name", ""), how, named(part, part.get(how, ""))))
        return tuple(found)


def _ordered(message: Message | None, order: list[str]) -> Message | None:
    if message is None or not order:
        return message
    place = {name: at for at, name in enumerate(order)}
    parts = tuple(sorted(message.parts, key=lambda part: place.get(part.name, len(order))))
    return Message(message.use, message.namespace, parts, message.headers)


def _protocol(node: Any) -> str:
    return _PROTOCOLS.get(node.tag[1:].partition("}")[0], "") if isinstance(node.tag, str) else ""

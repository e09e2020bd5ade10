"""The benchmark's SOAP line: a reply made into lines for the hub, against the objects that zeep makes of the same reply."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from zeep import Client, Settings

from connectors.soap_options import resource
from connectors.soap_records import Plan, write
from connectors.soap_reply import Reply
from gateway import catalog
from sandbox import meter

_CHUNK = 65_536
_NAMESPACE = "http://ws.superv.example.invalid/"
_DATASET = "superv.feedback"


class _Counted(BytesIO):
    """A file that keeps nothing but the number of lines written to it."""

    lines = 0

    def write(self, data: Any, /) -> int:
        self.lines += data.count(b"\n")
        return len(data)


def soap_parse(city: meter.Bench, records: int, pairs: int) -> dict[str, Any]:
    """Compare our reading of a reply, whole records and values as text, with zeep's parse of it."""
    found = catalog.load(meter.BUILD.parent / "catalog")
    declared = resource(found.platforms["superv"], found.datasets[_DATASET])
    body = _reply(records)
    client: Any = Client(
        str(meter.BUILD.parent / "catalog" / "wsdl" / "superv.wsdl"),
        settings=Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True),
    )  # type: ignore[no-untyped-call]
    binding = client.service._binding  # noqa: SLF001 - zeep's parse alone, without its request
    operation = binding.get(declared.operation)
    answer = SimpleNamespace(status_code=200, content=body, headers={"Content-Type": "text/xml"}, encoding="utf-8")

    def limit() -> None:
        said = binding.process_reply(client, operation, answer)
        meter.check(len(said.Feedback) == records and said.Feedback[-1].No == records, "objects of zeep")

    def ours() -> None:
        out = _Counted()
        reply = Reply(_pieces(body), declared.record, declared.total, "the reply")
        plan = Plan(declared.fields)
        write(plan, reply, reply.records(plan.lay), out)
        meter.check((reply.came, reply.totals, out.lines) == (records, {records}, records), "lines for the hub")

    return city.pairs(f"soap.parse.{meter.size(records)}", pairs, limit, ours, lambda: None)


def _pieces(body: bytes) -> Iterator[bytes]:
    return (body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK))


def _reply(records: int) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<GetFeedbackResponse xmlns="{_NAMESPACE}"><Total>{records}</Total>{"".join(map(_record, range(1, records + 1)))}'
        "</GetFeedbackResponse></e:Body></e:Envelope>"
    ).encode()


def _record(i: int) -> str:
    return (
        f'<Feedback id="{i:032x}"><No>{i}</No><kind>检查</kind><content>经现场检查，第{i}号符合许可条件，未发现违法行为</content>'
        f"<feedback_at>2026-11-24T04:{i % 60:02d}:00Z</feedback_at><unit>市场监督管理局</unit>"
        f"<updated_at>2026-11-24T05:{i % 60:02d}:00Z</updated_at></Feedback>"
    )

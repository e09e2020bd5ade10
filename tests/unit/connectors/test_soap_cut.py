"""Records that no parser sees are what it would have found, whatever stands around and between them, and however it is cut."""

from __future__ import annotations

from io import BytesIO

from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.soap_records import Plan
from connectors.soap_records import write as write_lines
from connectors.soap_reply import Reply
from gateway.errors import GatewayError, SchemaMismatch, SourceChanged

PATHS = {"id": ("@id",), "no": ("No",), "text": ("text",), "key": ("Party", "Key"), "when": ("when",)}
FLAT = {name: path for name, path in PATHS.items() if name != "key"}
NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
# Text as somebody may write it: some of it means something to XML, some is no text, some is only blank.
TEXTS = ["承德", "𠂇", "", " ", "a  b", "\ta\nb", "a&amp;b", "&#65;", "<![CDATA[<R>]]>", "<!--x-->", "<?p q?>", "a>b", "]]&gt;", "\r\n", "x\x85y", "&undefined;", "\x01", "]]>", "\ufffe"]  # fmt: skip
PLAIN = ["承德", "", "a b", "\\N", "x\ty", "0"]
RECORDS = [
    '<R id="{0}"><No>{1}</No><text>{2}</text><when>{1}</when></R>',
    '<R id="{0}"><No>{1}</No><text>{2}</text><when>{1}</when></R>',  # alike: most often
    "<R id='{0}'><No>{1}</No><text>{2}</text></R>",
    '<R><text>{2}</text><No>{1}</No><more a="1">x</more></R>',
    '<R id="{0}" ><text>{2}</text><text>{1}</text></R>',  # twice
    '<R id="{0}"><Party><Key>{1}</Key></Party><text>{2}</text></R>',
    '<R id="{0}"><Party>{1}</Party></R>',  # text where an element is declared
    '<R id="{0}"><No/><text NIL></text></R>'.replace("NIL", NIL),
    '<R id="{0}"><R id="x"><No>9</No></R><text>{2}</text></R>',  # one within another
    '<p:R xmlns:p="urn:p" id="{0}"><p:No>{1}</p:No><p:text>{2}</p:text><p:when>{1}</p:when></p:R>',
    '<!-- <R id="{0}"><No>{1}</No><text>{2}</text><when>{1}</when></R> -->',
    '<![CDATA[<R id="{0}"><No>{1}</No><text>{2}</text><when>{1}</when></R>]]>',
]
BETWEEN = ["", "", "\n  ", "\r\n", "text", "<!-- a -->", "<Total>7</Total>", "</R>", "<other>x</other>"]
HEADS = [
    "",
    '<?xml version="1.0"?>',
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<?xml version="1.0" encoding="gb18030"?>',
]
NO_XML = "is no XML, or goes beyond 256 levels or 10 MB in one text"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


@st.composite
def replies(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Draw a reply and the sizes of the pieces in which it arrives."""
    favourite, parts = draw(st.sampled_from([*RECORDS[:1] * 12, *RECORDS])), []
    texts = st.sampled_from(
        draw(st.sampled_from([PLAIN, [*PLAIN * 4, *TEXTS], [*PLAIN * 4, draw(st.sampled_from(TEXTS))]]))
    )
    gaps = st.sampled_from(draw(st.sampled_from([[""], ["\n  "], BETWEEN])))
    for _ in range(draw(st.integers(0, 24))):
        form = favourite if draw(st.integers(0, 9)) else draw(st.sampled_from(RECORDS))
        parts.append(form.format(draw(st.sampled_from(["1", "承", "a&lt;"])), draw(texts), draw(texts)) + draw(gaps))
    head = draw(st.sampled_from(HEADS))
    text = f'{head}<e:Envelope xmlns:e="{SOAP}"><e:Body><A xmlns="urn:a">{"".join(parts)}</A></e:Body></e:Envelope>'
    body = text.encode("gb18030" if "gb18030" in head else "utf-8", "surrogatepass")
    if not draw(st.integers(0, 9)):
        body = body[: draw(st.integers(0, len(body)))]
    return body, draw(st.lists(st.integers(1, 400) | st.integers(150, 300), min_size=1, max_size=5))


def read(body: bytes, sizes: list[int], plan: Plan, *, cut: bool) -> object:
    """Return the lines of a reply with what it counted, or the error that it is."""

    def pieces() -> object:
        at, turn = 0, 0
        while at < len(body):
            size = sizes[turn % len(sizes)]
            yield body[at : at + size]
            at, turn = at + size, turn + 1

    out, reply = BytesIO(), Reply(pieces(), "R", "Total", "the reply")  # type: ignore[arg-type]
    try:
        write_lines(plan, reply, reply.records(plan.lay if cut else None), out)
    except GatewayError as error:
        return type(error), error.message
    return out.getvalue(), reply.came, reply.totals, reply.digest


CUT_AND_WRONG = (
    f'{HEADS[2]}<e:Envelope xmlns:e="{SOAP}"><e:Body><A xmlns="urn:a">'
    '<R><text>承德</text><No>承德</No><more a="1">x</more></R><R><text>&undefined;</text>'
)  # in pieces of four bytes each way meets another of its faults


@settings(max_examples=400, deadline=None)
@given(replies())
@example((CUT_AND_WRONG.encode(), [4]))
def test_cut_or_parsed_is_the_same(reply: tuple[bytes, list[int]]) -> None:
    """The same lines in the same order, the same counts, or the same error.

    A reply that is cut off and no XML besides is refused for one or the other: which of them libxml2 meets first is a matter of
    the pieces it is fed with.
    """
    body, sizes = reply
    either = {(SourceChanged, "a reply of the reply is cut off"), (SchemaMismatch, f"a reply of the reply {NO_XML}")}
    for paths in (PATHS, FLAT):
        found = [read(body, sizes, Plan(paths), cut=cut) for cut in (True, False)]
        assert found[0] == found[1] or (not body.endswith(b"Envelope>") and set(found) == either)


def test_records_alike_are_cut() -> None:
    """Of many only the first piece's are parsed: else the test above would prove nothing."""
    records = "".join(f'<R id="{n}"><No>{n}</No><text>承德</text><when>{n}</when></R>' for n in range(1_000)).encode()
    found = Reply(iter([b'<e:Envelope xmlns:e="%b"><e:Body><A>' % SOAP.encode(), records, records, b"</A></e:Body></e:Envelope>"]), "R", None, "x")  # fmt: skip
    given_as = [record.__class__ is tuple for record in found.records(Plan(FLAT).lay)]
    assert given_as == [False] * 1_000 + [True] * 1_000

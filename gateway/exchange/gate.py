"""What must not leave the hub (上网不涉密): rows that bear a secrecy mark are stopped on their way out, each told to its owner.

The class of every field is judged when the catalog is loaded; here the content of each row is.
"""

from __future__ import annotations

from psycopg2 import sql

from gateway.model import Dataset

SECRECY = "gate.secrecy"
# Marks as GB/T 9704 sets them (a level, a star, a term), in brackets as titles bear them, or alone in a field. The bare
# words stand in many an innocent text: "国家秘密载体印制" is a line of business.
_MARK = "(绝密|机密|秘密)"
_PATTERNS = (
    rf"{_MARK}[[:space:]　]*[★☆]",
    rf"[\[【〔［（(〖][[:space:]　]*{_MARK}[[:space:]　]*[\]】〕］）)〗]",
    rf"^[[:space:]　]*{_MARK}[[:space:]　]*$",
    rf'"[[:space:]　]*{_MARK}[[:space:]　]*"',  # alone in a value of JSON
)


def marked(dataset: Dataset, alias: str) -> sql.Composable:
    """Return the condition that a text of the row bears a secrecy mark; most rows are cleared by one cheap look."""
    texts = [sql.Identifier(alias, f.name) for f in dataset.fields if f.hub_type in {"text", "jsonb"}]
    if not texts:
        return sql.SQL("false")
    whole = sql.SQL("concat_ws(E'\\n', {})").format(sql.SQL(", ").join(texts))
    pattern = sql.Literal("(?n)" + "|".join(f"(?:{p})" for p in _PATTERNS))
    return sql.SQL("(strpos({whole}, '密') > 0 and {whole} ~ {pattern})").format(whole=whole, pattern=pattern)

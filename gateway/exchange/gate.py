"""What must not leave the hub: rows that bear a secrecy mark (上网不涉密), and rows that the target's own rules would refuse.

The class of every field is judged when the catalog is loaded; here the content of each row is. What is stopped is told to
its owner.
"""

from __future__ import annotations

from datetime import datetime

from psycopg2 import sql

from gateway import pg, settings
from gateway.exchange import hub as hub_tables
from gateway.exchange.checks import CHECKS
from gateway.exchange.sending import CLOCK_CHECKS
from gateway.model import Dataset, Route, Rule

SECRECY = "gate.secrecy"
# Marks as GB/T 9704 sets them (a level, a star, a term), in brackets as titles bear them, or alone in a field. The bare
# words stand in many an innocent text: "国家秘密载体印制" is a line of business.
_MARK = "(绝|机|秘)[ 　]?密"  # a level without a term is set with a blank between its characters
_PATTERNS = (
    rf"{_MARK}[[:space:]　]*[★☆]",
    rf"[\[【〔［（(〖][[:space:]　]*{_MARK}[[:space:]　]*[\]】〕］）)〗]",
    rf"^[[:space:]　]*{_MARK}[[:space:]　]*$",
    rf'"[[:space:]　]*{_MARK}[[:space:]　]*"',  # alone in a value of JSON
)


def reason(route: Route, alias: str) -> sql.Composable:
    """Return the rule that stops a row on this route now, as text, or null; the row's columns must be unambiguous."""
    now = settings.now()
    whens = [sql.SQL("when {} then {}").format(marked(route.dataset, alias), sql.Literal(SECRECY))]
    whens += [
        sql.SQL("when {} then {}").format(sql.SQL(_broken(route.dataset, r, now)), sql.Literal(r.id))
        for r in route.preflight
    ]
    return sql.SQL("(case {} end)").format(sql.SQL(" ").join(whens))


def _broken(dataset: Dataset, rule: Rule, now: datetime) -> str:
    if rule.check in CLOCK_CHECKS:
        return CLOCK_CHECKS[rule.check](dataset, rule.args, now)
    return CHECKS[rule.check].sql(dataset, rule.args, now.astimezone(settings.CHINA).date())


def meant_for_it(route: Route, alias: str) -> sql.Composed:
    """Return the condition that a row concerns the platform that the route leads to.

    It did not come from that very system, nothing goes in circles; where the route says what its rows belong to, that did; and
    where rows are addressed, it is to that system.
    """
    source, kin = sql.Identifier(alias, "gw_source"), [*route.peer.kin] or [route.peer.platform]
    foreign = sql.SQL("{} <> all({})").format(source, sql.Literal(kin))
    if route.addressed:
        foreign += sql.SQL(" and {} = any({})").format(sql.Identifier(alias, route.addressed), sql.Literal(kin))
    if route.belongs_to is None:
        return foreign
    return sql.SQL("{} and exists (select from {} asked where asked.gw_source = any({}) and ({}) = ({}))").format(
        foreign, hub_tables.table(route.belongs_to), sql.Literal(kin),
        pg.names(route.belongs_to.key, "asked"), pg.names(route.belongs_to.key, alias),
    )  # fmt: skip


def words(route: Route, rule: str) -> str | None:
    """Return why the target's own rule stops a row, in Chinese and English."""
    return next((f"{r.chinese} / {r.english}" for r in route.preflight if r.id == rule), None)


def marked(dataset: Dataset, alias: str) -> sql.Composable:
    """Return the condition that a text of the row bears a secrecy mark; most rows are cleared by one cheap look."""
    texts = [sql.Identifier(alias, f.name) for f in dataset.fields if f.hub_type in {"text", "jsonb"}]
    if not texts:
        return sql.SQL("false")
    whole = sql.SQL("concat_ws(E'\\n', {})").format(sql.SQL(", ").join(texts))
    pattern = sql.Literal("(?n)" + "|".join(f"(?:{p})" for p in _PATTERNS))
    return sql.SQL("(strpos({whole}, '密') > 0 and {whole} ~ {pattern})").format(whole=whole, pattern=pattern)

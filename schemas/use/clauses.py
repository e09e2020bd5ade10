"""What a place within a statement makes of a column: read, written, or deciding which rows come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from sqlglot import exp

from schemas.use.model import Role

_RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
_PARAMETERS = (exp.Parameter, exp.Placeholder)
_CHOOSING = (
    exp.Where, exp.Having, exp.Group, exp.Order, exp.Distinct, exp.Window, exp.Qualify, exp.Filter, exp.Connector,
)  # fmt: skip
Found = defaultdict[tuple[str, str], set[Role]]


def roles(column: exp.Expr, root: exp.Expr) -> set[Role]:
    """Return the roles of a column where it stands; within a subquery that chooses rows, it chooses them too."""
    found: set[Role] = set()
    node = column
    while node.parent is not None and node is not root:
        parent = node.parent
        if isinstance(parent, exp.Join) and node.arg_key in {"on", "using"}:
            found.add("key")
        elif isinstance(parent, exp.Order):
            found.add("cursor")  # which row comes next
        elif isinstance(parent, _RANGES) and any(True for _ in parent.find_all(*_PARAMETERS)):
            found.add("cursor")
        elif isinstance(parent, _CHOOSING) or _tells_apart(parent, node):
            found.add("filter")
        node = parent
    return found or {"read"}


def _tells_apart(parent: exp.Expr, node: exp.Expr) -> bool:
    """Tell whether rows are sorted or told apart by all that a query gives: `distinct`, `union`, `union all … order by`."""
    if isinstance(parent, exp.SetOperation) and node.arg_key in {"this", "expression"}:
        return bool(parent.args.get("distinct") or parent.args.get("order"))
    return isinstance(parent, exp.Select) and node.arg_key == "expressions" and bool(parent.args.get("distinct"))


def as_query(tree: exp.Expr, found: Found, path_of: Callable[[exp.Expr], str]) -> exp.Expr | None:
    """Note what a statement writes, and return what it reads as a query; None when it reads nothing."""
    if isinstance(tree, exp.Query):
        return tree
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    path = path_of(table)
    for name in [n.name for n in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []:
        found[path, name].add("write")
    if isinstance(tree, exp.Insert):
        return _insert(tree, path, found)
    found[path, ""].add("write")
    if isinstance(tree, exp.Delete):
        return _reading(tree, [table, *(tree.args.get("using") or [])], [exp.Literal.number(1)])
    values = []
    for item in tree.expressions:
        found[path, item.this.name].add("write")
        values.append(item.expression)
    source = tree.args.get("from_") or tree.args.get("from")
    return _reading(tree, [table, *([source.this] if source else [])], values)


def _insert(tree: exp.Insert, path: str, found: Found) -> exp.Expr | None:
    if not isinstance(tree.this, exp.Schema):
        found[path, "*"] |= {"positional", "write"}
    if conflict := tree.args.get("conflict"):
        for key in conflict.args.get("conflict_keys") or []:
            for name in key.find_all(exp.Identifier):
                found[path, name.name].add("key")
    source = tree.expression
    return source if isinstance(source, exp.Query) and not isinstance(source, exp.Values) else None


def _reading(tree: exp.Expr, tables: list[exp.Expr], values: list[exp.Expr]) -> exp.Expr:
    """Return the query that finds the rows which a statement changes."""
    query = exp.Select(expressions=[v.copy() for v in values] or [exp.Literal.number(1)])
    query = query.from_(tables[0].copy())
    for table in tables[1:]:
        query = query.join(table.copy(), join_type="cross")
    if where := tree.args.get("where"):
        query = query.where(where.this.copy())
    if ctes := tree.args.get("with_"):
        query.set("with_", ctes.copy())
    return query

"""Which columns an SQL statement uses, and how; `*` and views are followed to the columns behind them.

A statement that cannot be followed to its end raises Unresolved: its use is unknown, which is never none. Whatever names a
whole row (`row_to_json(t)`) uses all of its columns.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from schemas.use import clauses, stars
from schemas.use.model import Places, Role
from schemas.use.shape import Shape

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it would log statements, which may hold values of persons
_DIALECT = "postgres"
_DEEP = 8  # views on views
Found = defaultdict[tuple[str, str], set[Role]]
# By which roles the items of an inner query are used outside; one that is not in it is not asked for.
Outer = dict[tuple[int, str], set[Role]]
_NAMED = "named"  # a mark of columns that the statement names itself: the server needs them, wanted or not
# Text, quoted names and comments are passed over; a parameter is written so that it is no beginning of a quote.
_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\d+)|%\((\w+)\)s|%s", re.DOTALL)


class Unresolved(Exception):
    """Raised when nobody can tell which columns a statement uses; the message says why."""


def columns(text: str, shape: Shape, depth: int = 0) -> Places:
    """Return the columns that a statement uses, with their roles; Unresolved when that cannot be told.

    Relations that the shape does not have make it unresolved: they may be anything.
    """
    if depth > _DEEP:
        raise Unresolved("views stand on views too deeply")
    try:
        found = _columns(_parsed(text), shape)
        return _behind(found, shape, depth)
    except (SqlglotError, RecursionError, KeyError, ValueError, AttributeError, TypeError) as error:
        # A library that trips over a statement has not followed it either.
        raise Unresolved(f"the statement cannot be followed ({type(error).__name__})") from error


def touches(text: str, shape: Shape) -> bool:
    """Tell whether a statement may use any relation of a shape: it names one, or cannot be read."""
    try:
        tree = _parsed(text)
    except (SqlglotError, Unresolved):
        return any(path.partition(".")[2].lower() in text.lower() for path in shape.columns)
    return any(shape.find(table.db, table.name) for table in _normalised(tree).find_all(exp.Table))


def _parsed(text: str) -> exp.Expr:
    plain = _PARAMETER.sub(lambda m: f":p{m[1] or m[2] or ''}" if m[1] or m[2] or m[0] == "%s" else m[0], text)
    trees = [tree for tree in sqlglot.parse(plain, dialect=_DIALECT) if tree is not None]
    if len(trees) != 1:
        raise Unresolved(f"{len(trees)} statements where one is expected")
    tree = trees[0]
    if isinstance(tree, exp.Subquery):
        tree = tree.unnest()
    if not isinstance(tree, exp.Query | exp.Insert | exp.Update | exp.Delete):
        raise Unresolved("it neither selects nor writes rows")
    return tree


def _normalised(tree: exp.Expr) -> exp.Expr:
    """Write unquoted names as the server reads them: in small letters."""
    for name in tree.find_all(exp.Identifier):
        if not name.args.get("quoted"):
            name.set("this", str(name.this).lower())
        name.set("quoted", True)
    return tree


def _columns(tree: exp.Expr, shape: Shape) -> Found:
    found: Found = defaultdict(set)
    query = clauses.as_query(_normalised(tree), found, lambda table: _path(table, shape))
    if query is None:
        return found
    for path in list(_qualify_tables(query, shape)):
        found[path, ""].add("read")  # a statement may count rows, and name no column
    for path in stars.by_place(query):
        found[path, "*"].add("positional")
    stars.drop_needless(query)
    schema: dict[str, object] = {}
    for path, names in shape.columns.items():
        space, _, name = path.partition(".")
        inner = schema.setdefault(space, {})
        assert isinstance(inner, dict)
        inner[name] = dict.fromkeys(names, "text")
    known = MappingSchema(schema, dialect=_DIALECT, normalize=False)
    for named in query.find_all(exp.Column):
        named.meta[_NAMED] = True
    done = qualify(query, dialect=_DIALECT, schema=known, quote_identifiers=True)
    outer: Outer = {}
    for scope in reversed(
        traverse_scope(done)
    ):  # what a query does with a column comes before where the column is from
        for path, column, roles in _of_scope(scope, done, shape, outer):
            found[path, column] |= roles
    return found


def _qualify_tables(query: exp.Expr, shape: Shape) -> Iterator[str]:
    """Write every relation with its schema, and yield it."""
    named = {cte.alias for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # a function that gives rows
        if not table.db and table.name in named:
            continue
        path = _path(table, shape)
        if table.args.get("alias") and table.args["alias"].args.get("columns"):
            raise Unresolved(f"the columns of {path} get other names by their places")
        table.set("db", exp.to_identifier(path.partition(".")[0], quoted=True))
        yield path


def _path(table: exp.Expr, shape: Shape) -> str:
    path = shape.find(table.text("db"), table.name)
    if path is None:
        raise Unresolved(f"there is no relation {'.'.join(p for p in (table.text('db'), table.name) if p)}")
    return path


def _of_scope(scope: Scope, root: exp.Expr, shape: Shape, outer: Outer) -> Iterator[tuple[str, str, set[Role]]]:
    tables = {
        alias: f"{source.db}.{source.name}"
        for alias, source in scope.sources.items()
        if isinstance(source, exp.Table) and source.db
    }
    _hand_on(scope, outer)
    for column in scope.columns:
        item = _item(column, scope)
        if _needless(column, item, scope, outer):
            continue
        roles = clauses.roles(column, root) | outer.get((id(scope), item), set())
        source = scope.sources.get(column.table)
        if path := tables.get(column.table):
            yield path, column.name, roles
        elif isinstance(source, Scope):
            outer.setdefault((id(source), column.name), set()).update(roles - {"read"})
    yield from _by_alias(scope, tables, root)
    for row in scope.find_all(exp.TableColumn, exp.Column):
        whole = row.name if isinstance(row, exp.TableColumn) else row.text("table") if row.is_star else ""
        if path := tables.get(whole):
            for name in shape.columns[path]:
                yield path, name, {"read"}


def _needless(column: exp.Expr, item: str, scope: Scope, outer: Outer) -> bool:
    """Tell whether a column stands in a query's list by a star alone, and nobody outside asks for it."""
    inner = scope.is_derived_table or scope.is_cte or scope.is_set_operation
    told_apart = scope.expression.args.get("distinct") is not None
    return bool(item) and inner and not told_apart and _NAMED not in column.meta and (id(scope), item) not in outer


def _hand_on(scope: Scope, outer: Outer) -> None:
    """Let the branches of a union have the roles of its items, which bear the names of the first branch's."""
    names = [item.alias_or_name for item in getattr(scope.expression, "selects", ())]
    above = scope.expression.find_ancestor(exp.With)
    recursive = scope.is_cte and above is not None and bool(above.args.get("recursive"))
    whole = scope.is_root or scope.is_subquery or recursive or bool(scope.expression.args.get("distinct"))
    for branch in scope.set_operation_scopes:
        for name, own in zip(names, getattr(branch.expression, "selects", ()), strict=False):
            roles = outer.get((id(scope), name), set() if whole else None)
            if roles is not None:  # one that asks itself for its next rows does so by any of its items
                outer.setdefault((id(branch), own.alias_or_name), set()).update(
                    roles | ({"key"} if recursive else set())
                )


def _item(column: exp.Expr, scope: Scope) -> str:
    """Return the name of the item of a query's list that a column stands in; empty when it stands elsewhere."""
    node = column
    while node.parent is not None and node.parent is not scope.expression:
        node = node.parent
    return node.alias_or_name if node.arg_key == "expressions" else ""


def _by_alias(scope: Scope, tables: dict[str, str], root: exp.Expr) -> Iterator[tuple[str, str, set[Role]]]:
    """Yield what the statement sorts or tells apart by the name that it gave to an item of its list."""
    if not isinstance(scope.expression, exp.Select):
        return
    items = {item.alias_or_name: item for item in scope.expression.selects}
    for column in scope.expression.find_all(exp.Column):
        item = items.get(column.name)
        if column.table or item is None or column.find_ancestor(exp.Select) is not scope.expression:
            continue
        for inner in item.find_all(exp.Column):
            if path := tables.get(inner.table):
                yield path, inner.name, clauses.roles(column, root)


def _behind(found: Found, shape: Shape, depth: int) -> Places:
    """Add the columns that the views select which were used, each by the role of the view's column."""
    whole: Found = defaultdict(set)
    for place, taken_by in found.items():
        whole[place] |= taken_by
    for view in {path for path, _ in found} & shape.views.keys():
        by_role: defaultdict[Role, list[str]] = defaultdict(list)
        for (path, column), roles in found.items():
            for role in roles if path == view and column != "*" else ():
                by_role[role].append(column)
        for role, names in sorted(by_role.items()):
            body = shape.views[view].rstrip().rstrip(";")
            taken = ", ".join('"' + name.replace('"', '""') + '"' for name in sorted(names) if name) or "1"
            inner = columns(f"select {taken} from ({body}) gateway_view", shape, depth + 1)
            for place, behind in inner.items():
                whole[place] |= {role if r == "read" else r for r in behind}
    return {place: frozenset(roles) for place, roles in whole.items()}

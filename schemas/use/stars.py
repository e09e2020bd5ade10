"""What `*` does in a statement: columns that reach the reader by their places, and stars that mean no column."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope


def by_place(query: exp.Expr) -> set[str]:
    """Return the relations whose columns reach the reader by `*`, or whose columns are joined by being called alike."""
    scope = build_scope(query)
    found = set(_reaching(scope)) if scope else set()
    for join in query.find_all(exp.Join):
        if str(join.args.get("method") or "").upper() == "NATURAL":
            within = join.find_ancestor(exp.Select) or query
            found |= {_path(table) for table in within.find_all(exp.Table) if table.db}
    return found


def _reaching(scope: Scope) -> Iterator[str]:
    for branch in scope.set_operation_scopes:
        yield from _reaching(branch)
    if not isinstance(scope.expression, exp.Select):
        return
    for item in scope.expression.expressions:
        if not item.is_star or isinstance(item, exp.Count):
            continue
        wanted = item.table if isinstance(item, exp.Column) else None
        for alias, source in scope.sources.items():
            if wanted and alias != wanted:
                continue
            if isinstance(source, exp.Table):
                yield from [_path(source)] if source.db else []
            elif source is not scope:
                yield from _reaching(source)


def drop_needless(query: exp.Expr) -> None:
    """Let `exists (select * …)` select a constant: no column is looked at."""
    for exists in query.find_all(exp.Exists):
        if isinstance(exists.this, exp.Select) and not exists.this.args.get("distinct"):
            exists.this.set("expressions", [exp.Literal.number(1)])


def _path(table: exp.Table) -> str:
    return f"{table.db}.{table.name}"

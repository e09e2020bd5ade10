"""The closed vocabulary of row-local checks: each as SQL that is true when a row is wrong, and as Python that agrees.

SQL is immutable, raises nothing and is null-safe; Python takes a record of native values (str, int, Decimal, date,
datetime with zone). Null values pass every check but those that ask for presence.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.exchange import checks_documents, checks_identity, checks_texts, checks_values
from gateway.exchange.check import Check

CHECKS: Mapping[str, Check] = {
    **checks_values.CHECKS,
    **checks_texts.CHECKS,
    **checks_identity.CHECKS,
    **checks_documents.CHECKS,
}

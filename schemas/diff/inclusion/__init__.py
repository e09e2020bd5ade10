"""Which documents a JSON Schema accepts, and whether another accepts all of them.

`L(sub) ⊆ L(super)` holds when no document is accepted by `sub` and refused by `super`. The search looks for such a
document: when it can show that none exists the inclusion is proven, when it builds one the inclusion is refuted, and
the document says why. Everything else is unknown, and so is what takes too many steps.
"""

"""Connectors: one module per protocol, named in the catalog by the module's name."""

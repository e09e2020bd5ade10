"""The core of the exchange gateway: model, catalog, transfer engine, ledger, SLA, security and command line."""

__version__ = "0.1.0"

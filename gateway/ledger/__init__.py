"""The ledger: what was carried, rejected, decided and proven, in the hub's schema `gateway`."""

"""Keys, sealing, signatures and masking."""

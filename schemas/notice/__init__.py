"""Change notices (变更通知单): what changes for whom, from when, who was told, who answered, and what follows from that."""

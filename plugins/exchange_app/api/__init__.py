"""The interface of units and of monitoring, below /exchange/api/v1."""

"""What an endpoint looks like now, as one document that can be stored and compared."""

"""Telling people: contacts, what waits to be sent to them, and the channels that send it."""

"""Contracts of the data sets, as package data under `schemas/contracts`."""

"""Rehearsals (演练): what units do with a structure, done on the announced one before the day."""

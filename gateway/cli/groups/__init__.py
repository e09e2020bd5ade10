"""The command groups of the core; they are entry points like those of other packages, loaded when their word is asked for."""

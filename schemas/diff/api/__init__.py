"""The parts of an interface description that are compared: parameters, bodies, answers, what a caller must prove."""

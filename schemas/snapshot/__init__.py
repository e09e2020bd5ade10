"""Documents that say what shape an endpoint has."""

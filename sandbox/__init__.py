"""A stand-in city on real PostgreSQL for the demo and the tests; never imported by the product."""

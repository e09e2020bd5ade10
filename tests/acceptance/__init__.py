"""Tests of a whole city in a real Airflow, which is stopped after the last of them: a package, for pytest ends its fixtures then."""

"""The transfer engine: landing, checks, merging, comparison and quarantine of one data set along one route."""

"""Tests; a package, so that processes which tests fork find it before any other of this name."""

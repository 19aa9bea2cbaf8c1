"""Reads of `sites` worth naming."""

"""Everything that changes something in `sites`, and its refusals."""

"""What callers send to `sites`, and what they are told."""

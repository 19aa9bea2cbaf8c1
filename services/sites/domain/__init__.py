"""The rules of sites, and nothing else: no HTTP, no database, no clock."""

"""The services: each owns one schema, and hears of the others only through events."""

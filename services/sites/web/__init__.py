"""The directory for people: pages without script, cookies or anybody else's server, in several languages."""

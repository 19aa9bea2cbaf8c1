"""Reporting: what the others' events add up to, shown so that no figure points at a person.

Owns facts (pseudonymous) and the catalogue of measures. Announces nothing. Listens to all the others.
Disposable: `roundtable rebuild` makes it again from events.
"""

"""Surveys: what people answered, and what it adds up to.

Owns instruments, responses and their scores. Announces `surveys.*`. Listens to nothing yet.
"""

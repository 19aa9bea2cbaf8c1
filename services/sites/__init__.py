"""Sites: the community organisations that deliver together with the NHS, and the places where they do.

Owns organisations and sites. Announces `sites.*`. Listens to nothing.
"""

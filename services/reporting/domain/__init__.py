"""The rules of reporting: periods and ages, what a contact counts as, when scores say that somebody recovered."""

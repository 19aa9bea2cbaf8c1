"""Installing, starting and looking after Roundtable: the only code that knows every service."""

SERVICES = ("referrals", "sites", "surveys", "reporting")
PORT_OFFSETS = {service: offset for offset, service in enumerate((*SERVICES, "issuer"), start=1)}


class CannotRunError(Exception):
    """What was asked cannot be done on this machine; the message tells the operator why, and what to do."""

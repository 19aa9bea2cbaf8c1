"""Which addresses are the public internet's. Pure: nothing is looked up."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

UNICAST_V6 = ip_network("2000::/3")  # what is routed; leaves out ::, loopback, NAT64, link-local, site-local, multicast
NOT_PUBLIC = (
    ip_network("192.0.0.0/24"),  # protocol assignments
    ip_network("192.88.99.0/24"),  # relays to 6to4
    ip_network("2001::/23"),  # protocol assignments, Teredo among them: an IPv4 address inside
    ip_network("2002::/16"),  # 6to4: an IPv4 address inside
    ip_network("3fff::/20"),  # documentation
)


def is_public(text: str) -> bool:
    """Tell whether an address is one of the public internet, and not of a machine, a network or a protocol's own."""
    address: IPv4Address | IPv6Address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    routed = address in UNICAST_V6 if isinstance(address, IPv6Address) else not address.is_multicast
    return routed and address.is_global and not any(address in network for network in NOT_PUBLIC)

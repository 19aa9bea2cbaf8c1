"""How alike two spellings of a name are."""

PREFIX = 4  # letters at the start that count more: people mistype later ones
PART_OF = 0.9


def likeness(one: str, other: str) -> float:
    """Return 0 to 1: Jaro-Winkler, or 0.9 when all parts of one name are among the other's (Smith, Smith Jones)."""
    parts, others = set(one.split()), set(other.split())
    if parts <= others or others <= parts:
        return PART_OF if parts != others else 1.0
    here, there = sorted((one, other))  # Jaro is not always symmetric; asked in one order, it is
    return _winkler(here, there, _jaro(here, there))


def _winkler(here: str, there: str, jaro: float) -> float:
    same = 0
    for one, other in zip(here[:PREFIX], there[:PREFIX], strict=False):
        if one != other:
            break
        same += 1
    return jaro + same * 0.1 * (1 - jaro)


def _jaro(here: str, there: str) -> float:
    reach = max(max(len(here), len(there)) // 2 - 1, 0)
    taken = [False] * len(there)
    common = []
    for place, letter in enumerate(here):
        for spot in range(max(0, place - reach), min(len(there), place + reach + 1)):
            if not taken[spot] and there[spot] == letter:
                taken[spot] = True
                common.append(letter)
                break
    if not common:
        return 0.0
    opposite = [letter for letter, is_taken in zip(there, taken, strict=True) if is_taken]
    transposed = sum(a != b for a, b in zip(common, opposite, strict=True)) / 2
    count = len(common)
    return (count / len(here) + count / len(there) + (count - transposed) / count) / 3

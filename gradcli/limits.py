"""The limits of gradcli in one table: what is larger is refused with a sentence, at once."""

SOURCE_CHARACTERS = 4 * 1024 * 1024
"""The longest formula, 4 MiB of text."""

NODES = 2_000_000
"""The largest graph of one formula, functions of one's own expanded."""

DERIVED_NODES = 20_000_000
"""The largest graph of a formula together with its derivatives."""

AXES = 32
"""The most axes of an array: what every NumPy can broadcast."""

ELEMENTS = 50_000_000
"""The largest array, 400 MB of doubles."""

GENERATED_NODES = 20_000
"""The largest program that is turned into Python source; Python needs about 2 kB a node there."""

DRAWN_NODES = 300
"""The largest graph that is drawn: above this `dot` takes long and nobody reads the picture."""


NONZERO = frozenset("123456789")


def out_of_range(text: str, value: float) -> str | None:
    """Return what is wrong with a decimal number whose nearest double is `value`, or None.

    It is the end of a sentence: "is too large for a double (at most 1.8e308)". A number other
    than 0 that float() reads as 0 is as wrong as one that it reads as inf.
    """
    value = float(value)
    if value - value != 0:
        return "is too large for a double (at most 1.8e308)"
    if value == 0 and not NONZERO.isdisjoint(text.lower().partition("e")[0]):
        return "is too small for a double (at least 4.9e-324, or 0)"
    return None

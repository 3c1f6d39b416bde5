# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a figure should be, and whether it is: every part of bench/run says it the same way."""


def verdict(value, most=None, least=None):
    """'(target: at most 3: ok)'; of what should be at most, or at least, so much."""
    met = value <= most if least is None else value >= least
    return (f"(target: at {'most' if least is None else 'least'} {most if least is None else least:g}: "
            f"{'ok' if met else 'missed'})")

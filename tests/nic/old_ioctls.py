# SPDX-License-Identifier: GPL-2.0-only
"""What ethtool did before netlink, to zc0, as scripts and old tools do it still."""

import struct

import simnic


def setting(set_command, get_command=None, size=2, place=1, value=0):
    """One of ethtool's structs of 32-bit numbers, as it is now but for one of them."""
    data = bytearray(4 * size)
    if get_command:
        struct.pack_into("=I", data, 0, get_command)
        simnic.ethtool_ioctl("zc0", data)
    struct.pack_into("=I", data, 0, set_command)
    struct.pack_into("=I", data, 4 * place, value)
    simnic.ethtool_ioctl("zc0", data)


def table():
    """ethtool -X default: SRXFHINDIR."""
    setting(0x39)


def ntuple():
    """ethtool -K ntuple off: SFLAGS."""
    setting(0x26)


def rings():
    """ethtool -G rx 512: SRINGPARAM."""
    setting(0x11, get_command=0x10, size=9, place=5, value=512)


def channels():
    """ethtool -L combined 10: SCHANNELS."""
    setting(0x3D, get_command=0x3C, size=9, place=8, value=10)

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""without_ipv6.py COMMAND...: runs it where socket(AF_INET6) fails with EAFNOSUPPORT, as on a machine with
ipv6.disable=1 or in a service with RestrictAddressFamilies=. By a seccomp filter: no privilege, no reboot."""
import ctypes
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, IS, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, EAFNOSUPPORT = 0x7FFF0000, 0x00050000 | 97
SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
AF_INET6 = 10

program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
    (LOAD, 0, 0, 0),  # the system call's number
    (IS, 0, 3, SOCKET),
    (LOAD, 0, 0, 16),  # its first argument
    (IS, 0, 1, AF_INET6),
    (RETURN, 0, 0, EAFNOSUPPORT),
    (RETURN, 0, 0, ALLOW)))
code = ctypes.create_string_buffer(program)
filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
prctl = ctypes.CDLL(None, use_errno=True).prctl
if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                                                       ctypes.c_char_p(filter_), 0, 0) < 0:
    sys.exit("cannot set a seccomp filter: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])

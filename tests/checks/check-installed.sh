#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-installed.sh [DIRECTORY]: the tests that tests/installed installs need nothing that only the test machine has: its
# mounts, its other devices, and programs that nobody installs.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2

mapfile -t files < <(sed -n "/'add_area'/,/\]/p" tests/installed/meson.build | grep -o "'[a-z_0-9]*'" |
	sed "s|'\(.*\)'|tests/system/test_\1.py|")
[ ${#files[@]} -gt 20 ] || { echo "only ${#files[@]} files are found in tests/installed/meson.build"; exit 1; }
! grep -nE '/build/|/src/|/mnt/|\bvnet0\b|simnic\.(Receiver|sender|transfer|PLAIN)|from files ' "${files[@]}"

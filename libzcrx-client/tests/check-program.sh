#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-program.sh BUILD SOURCE EXAMPLE [SANITIZERS]: compiles SOURCE as C and as C++ with what pkg-config says of
# the library in BUILD, which may want to be linked with sanitizers, and runs it. The C++20 program EXAMPLE is only looked
# at, with the warnings of strict projects.
set -eu
build=$1 source=$2 example=$3 sanitizers=${4:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

PKG_CONFIG_PATH=$build/meson-uninstalled
LD_LIBRARY_PATH=$build/libzcrx-client
export PKG_CONFIG_PATH LD_LIBRARY_PATH
flags=$(pkg-config --cflags --libs libzcrx-client)
case $flags in
*-luring* | *-ljson*) echo "a program needs more than the library: $flags" >&2; exit 1 ;;
esac
cp "$source" "$work/program.c"
cp "$source" "$work/program.cc"
# shellcheck disable=SC2086 # they are words
${CC:-cc} -std=c99 -pedantic -Wall -Wextra -Werror $sanitizers "$work/program.c" $flags -o "$work/c"
"$work/c"
# shellcheck disable=SC2086
${CXX:-c++} -std=c++98 -Wall -Wextra -Werror $sanitizers "$work/program.cc" $flags -o "$work/c++"
"$work/c++"
# shellcheck disable=SC2086
${CXX:-c++} -std=c++20 -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -fsyntax-only $flags "$example"
# shellcheck disable=SC2086
${CXX:-c++} -std=c++20 -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -fno-exceptions -fsyntax-only \
	$flags -include zcrx-client.hpp -x c++ /dev/null

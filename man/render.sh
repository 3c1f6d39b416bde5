#!/bin/sh
# render.sh SCDOC: a page from standard input to standard output. Its first line has man(1) run tbl first, which
# scdoc leaves to luck.
set -eu
printf "'\\\\\" t\n"
exec "$1"

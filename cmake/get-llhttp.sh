#!/bin/sh
# Prints the root folder under which Debian's node-llhttp has its C sources:
# ROOT/usr/share/llhttp/*.c and ROOT/usr/share/include/llhttp/llhttp.h.
#
#   get-llhttp.sh CACHE_DIR
#
# The package is unpacked into CACHE_DIR and not installed, because installing it would bring nodejs
# along.  apt checks the download against the archive's signed hashes.  Exit 1, with a reason on
# standard error, where that cannot be done.
set -eu
cache=$1

has_sources() { # root
    [ -f "$1/usr/share/llhttp/llhttp.c" ] && [ -f "$1/usr/share/llhttp/api.c" ] &&
        [ -f "$1/usr/share/llhttp/http.c" ] && [ -f "$1/usr/share/include/llhttp/llhttp.h" ]
}
give_up() {
    echo "$*" >&2
    exit 1
}

if has_sources ""; then # node-llhttp itself is installed
    echo /
    exit 0
fi
if has_sources "$cache/root"; then
    echo "$cache/root"
    exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    give_up "no apt here"
fi
mkdir -p "$cache"
work=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
(cd "$work" && apt-get download node-llhttp) >"$work/log" 2>&1 || give_up "$(tail -n 1 "$work/log")"
set -- "$work"/*.deb
version=$(dpkg-deb -f "$1" Version)
dpkg --compare-versions "$version" ge 8.1 || give_up "node-llhttp $version is older than 8.1"
mkdir "$work/root"
dpkg -x "$1" "$work/root"
has_sources "$work/root" || give_up "node-llhttp $version has no C sources where 8.1 has them"

# Two configures may run at once: the loser of the rename finds a complete folder there.
mv -T "$work/root" "$cache/root" 2>/dev/null || has_sources "$cache/root"
echo "$cache/root"

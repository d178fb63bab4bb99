#!/bin/sh
# Installs ctr @VERSION@: fetches the archive for this system, checks it, and puts it under a prefix.
#
#   curl -fsSL @BASE@/install.sh | sh                 into ~/.local
#   curl -fsSL @BASE@/install.sh | PREFIX=/usr/local sh
#
# CTR_INSTALL_BASE: from somewhere else, a folder too. Removing what it says it has written uninstalls.
set -eu
base=${CTR_INSTALL_BASE:-@BASE@}
prefix=${PREFIX:-${HOME:?HOME is not set}/.local}
fail() { echo "error: cannot install ctr: $1" >&2; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }

case $(uname -s)-$(uname -m) in
  Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
  Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
  Darwin-arm64) target=aarch64-apple-darwin ;;
  *) fail "there is no build for $(uname -s) on $(uname -m)" ;;
esac
name=ctr-@VERSION@-$target

tmp=$(mktemp -d) || fail 'no temporary folder can be made'
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
fetch() {
  case $base in
    /*) cp "$base/$1" "$tmp/$1" 2> /dev/null ;;
    *) if have curl; then curl -fsSL --retry 3 -o "$tmp/$1" "$base/$1"; else wget -q -O "$tmp/$1" "$base/$1"; fi ;;
  esac || fail "\"$base/$1\" cannot be fetched"
}
have curl || have wget || case $base in /*) ;; *) fail 'curl or wget is needed' ;; esac
fetch SHA256SUMS
fetch "$name.tar.gz"
wanted=$(grep " $name.tar.gz\$" "$tmp/SHA256SUMS") || fail "SHA256SUMS does not list $name.tar.gz"
if have sha256sum; then found=$(sha256sum < "$tmp/$name.tar.gz"); else found=$(shasum -a 256 < "$tmp/$name.tar.gz"); fi
[ "${found%% *}" = "${wanted%% *}" ] || fail "$name.tar.gz is damaged (it is ${found%% *}, not ${wanted%% *})"
tar -xzf "$tmp/$name.tar.gz" -C "$tmp" || fail 'the archive cannot be unpacked'

# put FOLDER MODE FILE...: under a new name first, because a ctr that runs must not change under itself.
put() {
  folder=$prefix/$1 mode=$2; shift 2
  mkdir -p "$folder" || fail "\"$folder\" cannot be made"
  for file; do
    at=$folder/${file##*/}
    cp "$file" "$at.$$" && chmod "$mode" "$at.$$" && mv -f "$at.$$" "$at" || fail "\"$at\" cannot be written"
  done
}
from=$tmp/$name
put bin 755 "$from/ctr"
put share/man/man1 644 "$from"/man/man1/*.1
put share/zsh/site-functions 644 "$from/completions/_ctr"
put share/fish/vendor_completions.d 644 "$from/completions/ctr.fish"
cp "$from/completions/ctr.bash" "$tmp/ctr"
put share/bash-completion/completions 644 "$tmp/ctr"
put share/doc/ctr 644 "$from/LICENSE" "$from/NOTICES" "$from/README.md"
echo "$prefix/bin/ctr"
"$prefix/bin/ctr" version > /dev/null || fail "\"$prefix/bin/ctr\" does not run here"
case :$PATH: in *:"$prefix/bin":*) ;; *) echo "note: $prefix/bin is not in PATH" >&2 ;; esac
case $target in *linux*)
  have qemu-system-x86_64 || have qemu-system-aarch64 || echo 'note: QEMU 7.2 or newer is needed to run containers' >&2 ;;
esac

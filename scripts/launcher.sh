#!/bin/sh
# ctr in one file: this launcher, then a gzipped tar with Deno, the program, the guest's kernel and its boot disk.
# Unpacked once, by the hash of that tar, and started from there.
set -u
hash=@HASH@
app=${CTR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/ctr}/app/$hash
fail() { echo "error: cannot unpack ctr into \"$app\": $1" >&2; exit 125; }

unpack() {
  umask 077
  mkdir -p "${app%/*}" || fail 'the folder cannot be made'
  tmp=$app.$$.tmp
  trap 'rm -rf "$tmp"' EXIT
  trap 'exit 130' INT TERM
  rm -rf "$tmp" && mkdir "$tmp" || fail 'the folder cannot be made'
  found=$(tail -c +$((@SIZE@ + 1)) "$self" | sha256sum) || fail "\"$self\" cannot be read"
  [ "${found%% *}" = "$hash" ] || fail "\"$self\" is damaged (its payload is ${found%% *}, not $hash)"
  tail -c +$((@SIZE@ + 1)) "$self" | tar -xzf - -C "$tmp" || fail 'is the disk full?'
  # What was written is what was packed, and stays when the machine stops now.
  (cd "$tmp" && sha256sum -c SHA256SUMS > /dev/null) || fail 'the unpacked files are not what was packed'
  sync
  : > "$tmp/complete"
  [ ! -d "$app" ] || [ -e "$app/complete" ] || rm -rf "$app"
  # Another ctr may have been faster: then its folder is as good, and ours ends up inside it.
  mv "$tmp" "$app" 2> /dev/null || [ -e "$app/complete" ] || fail 'the folder cannot be renamed'
  rm -rf "$app/${tmp##*/}"
  trap - EXIT INT TERM
}

case $0 in */*) self=$0 ;; *) self=$(command -v "$0") ;; esac
[ -e "$app/complete" ] || unpack
export DENO_NO_UPDATE_CHECK=1
exec "$app/deno" run -A --quiet --no-config --no-lock --no-remote --no-npm --unstable-vsock "$app/main.js" "$@"

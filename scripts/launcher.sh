#!/bin/sh
# ctr in one file: this launcher, then a gzipped tar with Deno, the program, the guest's kernel and its boot disk.
# Unpacked once, by the hash of that tar, and started from there.
set -u
hash=@HASH@
sums=@SUMS@
app=${CTR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/@CACHE@}/ctr}/app/$hash
fail() { echo "error: cannot unpack ctr into \"$app\": $1" >&2; exit 125; }
sha() { @SHA@ "$@"; }

# Size, time of the last change and inode of every file, in one line: what changes a file changes this.
look() { cd "$1/files" 2> /dev/null && @STAT@ -- * assets/* src/*/* 2> /dev/null; }

# Whether every file in $1 is what was packed. The list of them is judged first.
whole() {
  found=$(sha "$1/files/SHA256SUMS" 2> /dev/null) && [ "${found%% *}" = "$sums" ] &&
    (cd "$1/files" && sha -c SHA256SUMS > /dev/null 2>&1)
}

mark() { seen=$(look "$1") && echo "$seen" > "$1/complete.$$" && mv -f "$1/complete.$$" "$1/complete"; }

unpack() {
  umask 077
  mkdir -p "${app%/*}" || fail 'the folder cannot be made'
  tmp=$app.$$.tmp
  trap 'rm -rf "$tmp"' EXIT
  trap 'exit 130' INT TERM
  rm -rf "$tmp" && mkdir "$tmp" "$tmp/files" || fail 'the folder cannot be made'
  found=$(tail -c +$((@SIZE@ + 1)) "$self" | sha) || fail "\"$self\" cannot be read"
  [ "${found%% *}" = "$hash" ] || fail "\"$self\" is damaged (its payload is ${found%% *}, not $hash)"
  tail -c +$((@SIZE@ + 1)) "$self" | tar -xzf - -C "$tmp/files" || fail 'is the disk full?'
  # What was written is what was packed, and stays when the machine stops now.
  whole "$tmp" || fail 'the unpacked files are not what was packed'
  sync
  mark "$tmp" || fail 'is the disk full?'
  # Another ctr may have been faster: then its folder is as good. A damaged one makes room; who runs from it goes on.
  if [ -d "$app" ] && ! whole "$app"; then mv "$app" "$tmp.old" 2> /dev/null; fi
  [ -d "$app" ] || mv "$tmp" "$app" 2> /dev/null
  rm -rf "$app/${tmp##*/}" "$tmp" "$tmp.old"
  whole "$app" || fail 'the folder cannot be renamed'
  trap - EXIT INT TERM
}

case $0 in */*) self=$0 ;; *) self=$(command -v "$0") ;; esac
known=; read -r known 2> /dev/null < "$app/complete"
if [ -z "$known" ] || [ "$(look "$app")" != "$known" ]; then
  # Files that were touched and are what they were: that is written down. Others are replaced.
  { whole "$app" && mark "$app"; } || unpack
fi
export DENO_NO_UPDATE_CHECK=1
exec "$app/files/deno" run -A --quiet --no-config --no-lock --no-remote --no-npm --unstable-vsock "$app/files/main.js" "$@"

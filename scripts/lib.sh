# Shared by the scripts of this folder: `. "$(dirname "$0")/lib.sh"`. Bash.
#
# Standard output belongs to results that another script reads; everything said goes to stderr.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CTR_CACHE=${CTR_CACHE:-$HOME/.cache/ctr}
cache=$CTR_CACHE
me=$(basename "$0")
mkdir -p "$cache"

say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() { printf 'error: %s: %s\n' "$me" "$*" >&2; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }

# root-owned things only: packages and a guest's root folder.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else die "this needs root: run it as root, or install sudo ($*)"; fi
}

# retry TIMES COMMAND...: for what fails when a server is tired.
retry() {
  local times=$1 n=1; shift
  until "$@"; do
    [ "$n" -lt "$times" ] || return 1
    say "that failed ($n of $times): again in $((n * 3)) s"
    sleep $((n * 3)); n=$((n + 1))
  done
}

# long SECONDS WHAT COMMAND...: runs with a deadline, says every 15 s that it still runs, and shows the
# output only if it fails. The command is a program, not a function.
long() {
  local deadline=$1 what=$2; shift 2
  local began=$SECONDS log pid status=0
  log=$(mktemp "$cache/.log-XXXXXX.tmp")
  say "$what"
  timeout -k 10 "$deadline" "$@" > "$log" 2>&1 &
  pid=$!
  # The sleeper must hold neither the output nor a lock once its loop was ended.
  ( while sleep 15 > /dev/null 2>&1 8>&- 9>&- && kill -0 "$pid" 2> /dev/null; do
      printf '%s:   still at it after %d s: %s\n' "$me" $((SECONDS - began)) "$(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c1-90)"
    done ) >&2 &
  local ticker=$!
  wait "$pid" || status=$?
  kill "$ticker" 2> /dev/null; wait "$ticker" 2> /dev/null || true
  if [ "$status" != 0 ]; then
    cat "$log" >&2
    [ "$status" = 124 ] && say "$what: not done after $deadline s"
    rm -f "$log"; return "$status"
  fi
  rm -f "$log"
  [ $((SECONDS - began)) -lt 2 ] || say "  done in $((SECONDS - began)) s"
}

# key FILE...: what these files hold, and what standard input holds if `-` is among them, in 32 digits.
key() { cat "$@" | sha256sum | cut -c1-32; }

# source_files FOLDER...: the TypeScript that ends in the bundle, by name.
source_files() { (cd "$root" && find "$@" -type f \( -name '*.ts' -o -name '*.json' \) ! -name '*_test.ts' ! -path '*/testdata/*' | LC_ALL=C sort); }

tool_rows() { sed -e 's/#.*//' -e '/^ *$/d' "$root/scripts/tools.txt"; }
deno_version=$(tool_rows | awk '$1 == "deno" { print $2 }')
deno=$cache/tools/deno-$deno_version/deno
export DENO_NO_UPDATE_CHECK=1 DENO_NO_PROMPT=1

# need_deno: the pinned Deno at $deno, whatever is installed elsewhere.
need_deno() {
  [ -x "$deno" ] && return
  have npm || die 'npm is not installed: install Node 20 or later'
  local folder=$cache/tools/deno-$deno_version tmp
  tmp=$(mktemp -d "$cache/.deno-XXXXXX.tmp")
  retry 3 long 600 "installing Deno $deno_version into $folder (40 MB)" \
    npm install --prefix "$tmp" --no-save --no-audit --no-fund --loglevel=error "deno@$deno_version" \
    || { rm -rf "$tmp"; die "Deno $deno_version could not be installed from npm"; }
  # The package's own install step links the binary here; where npm was told to skip such steps it is still the platform's.
  local binary
  binary=$(find "$tmp/node_modules" -type f -name deno -size +1000k | head -n 1)
  [ -n "$binary" ] || { rm -rf "$tmp"; die "the deno package of npm holds no binary for $(uname -sm)"; }
  mkdir -p "$cache/tools"
  chmod +x "$binary"; mv "$binary" "$tmp/deno"; rm -rf "$tmp/node_modules"
  [ "$("$tmp/deno" --version | head -n 1 | cut -d' ' -f2)" = "$deno_version" ] || { rm -rf "$tmp"; die "npm's deno is not $deno_version"; }
  rm -rf "$folder"; mv "$tmp" "$folder"
}

# host_arch: as kernel/build and guest/build call it.
host_arch() {
  case $(uname -m) in
    x86_64) echo x86_64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) die "no guest kernel exists for $(uname -m)" ;;
  esac
}

# oci_arch x86_64|arm64: as OCI calls it.
oci_arch() { if [ "$1" = x86_64 ]; then echo amd64; else echo "$1"; fi; }

# locked NAME SECONDS: from here to the end of the script, one at a time.
locked() {
  mkdir -p "$cache/locks"
  exec 8> "$cache/locks/$1"
  flock -w "$2" 8 || die "another run holds $cache/locks/$1 for more than $2 s"
}

# http_ok URL SECONDS: whether the URL answers 200 before the deadline, asked every 50 ms.
http_ok() {
  node -e '
    const [url, seconds] = process.argv.slice(1), end = Date.now() + seconds * 1000;
    (async () => {
      do {
        try { if ((await fetch(url, { signal: AbortSignal.timeout(2000) })).status === 200) process.exit(0); } catch {}
        await new Promise((r) => setTimeout(r, 50));
      } while (Date.now() < end);
      process.exit(1);
    })()' "$1" "$2"
}

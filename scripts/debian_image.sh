# Sourced: makes images of Debian's packages for tests, cached by a key of what goes in. An image is an OCI layout as a tar.
#
#   debian_image_find NAME MODE [FILE…]  prints the path and exits if it is there; exits 1 with MODE --find; else leaves a
#                                        folder in $tmp, the archive's sources in $tmp/sources.list, and $out
#   debian_image_make NAME PACKAGES HOOKS… -- CONFIG…
#                                        HOOKS: further options of mmdebstrap; CONFIG: options of umoci config
[ -f /etc/debian_version ] || die "the image is made from this machine's Debian packages, and this is not Debian"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

debian_image_find() {
  local name=$1 mode=$2; shift 2
  out=$cache/images/$name-$( { printf '%s\n' "$suite"; cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null || true; } \
    | key - "$root/scripts/debian_image.sh" "$@")
  [ -f "$out/image.tar" ] && { printf '%s\n' "$out/image.tar"; exit 0; }
  [ "$mode" != --find ] || exit 1
  for tool in mmdebstrap umoci; do have "$tool" || die "$tool is not installed: run ./scripts/setup --images"; done
  locked "$name-image" 1800
  [ -f "$out/image.tar" ] && { printf '%s\n' "$out/image.tar"; exit 0; }
  local sources
  sources=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' \
    | awk '$1 == "Debian" { print "deb", $2, $3, $4 }' | sort -u)
  [ -n "$sources" ] || die "apt knows no Debian archive: run apt-get update first"
  mkdir -p "$cache/images"
  tmp=$(mktemp -d "$cache/images/.new-XXXXXX.tmp")
  trap 'as_root rm -rf "$tmp"' EXIT
  printf '%s\n' "$sources" > "$tmp/sources.list"
}

debian_image_make() {
  local name=$1 packages=$2; shift 2
  local hooks=() configured=() with_root=(env)
  while [ "$1" != -- ]; do hooks+=("$1"); shift; done
  shift
  export SOURCE_DATE_EPOCH=1704067200
  while IFS= read -r line; do configured+=("--aptopt=$line"); done \
    < <(apt-config dump | grep -E '^Acquire::(Check|http::|https::|Retries)' | grep -v '""' || true)
  [ "$(id -u)" = 0 ] || with_root=(sudo --preserve-env=SOURCE_DATE_EPOCH)
  retry 3 long 900 "$name: installing $packages into a folder of its own" "${with_root[@]}" mmdebstrap --quiet --mode=auto \
    --variant=minbase --include="$packages" --skip=check/empty "${configured[@]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "${hooks[@]}" \
    --customize-hook='rm -rf "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/var/log/*.log "$1"/var/log/apt/*' \
    "$suite" "$tmp/root.tar" "$tmp/sources.list"
  umoci init --layout "$tmp/layout"
  umoci new --image "$tmp/layout:latest"
  umoci raw add-layer --image "$tmp/layout:latest" "$tmp/root.tar" >&2
  umoci config --image "$tmp/layout:latest" --no-history --architecture "$(dpkg --print-architecture)" --os linux \
    --created 2024-01-01T00:00:00Z --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
  mkdir "$tmp/result"
  sed -i 's|"org.opencontainers.image.ref.name":"latest"|"org.opencontainers.image.ref.name":"'"$name"':latest"|' "$tmp/layout/index.json"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$tmp/layout" -cf "$tmp/result/image.tar" .
  rm -rf "$out" && mv "$tmp/result" "$out"
  printf '%s\n' "$out/image.tar"
}

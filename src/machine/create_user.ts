import type { HostUser } from "../api/mod.ts";

/** An image may bring its own script, which replaces ours. */
export const OWN_SCRIPT = "/etc/machine/create-user.sh";

/**
 * Makes the caller's account in a machine, in the shell and the tools of any image: busybox has them all.
 *
 * The line of the account comes first in /etc/passwd, so that its name is the one that its number has, also
 * where the image has a `ubuntu` or `node` of the same number. Nothing is removed, and a second run changes
 * nothing. Prints `shell=…` and `locale=…`, which are what the caller wants if the machine has it.
 */
export const CREATE_USER = String.raw`
set -eu
user=$CONTAINER_USER uid=$CONTAINER_UID gid=$CONTAINER_GID home=$CONTAINER_HOME
[ -e /etc/passwd ] || { echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd; }
[ -e /etc/group ] || { echo 'root:x:0:' > /etc/group; }

shell=
for each in "/bin/$CTR_SHELL" "/usr/bin/$CTR_SHELL" /bin/bash /usr/bin/bash /bin/ash /bin/sh; do
  if [ -z "$shell" ] && [ -x "$each" ]; then shell=$each; fi
done

# First lines first: who looks a number up takes the first line that has it.
put_first() { # file, line, name
  { printf '%s\n' "$2"; grep -v "^$3:" "$1" || true; } > "$1.ctr" && cat "$1.ctr" > "$1"
  rm -f "$1.ctr"
}

if [ "$uid" != 0 ]; then
  grep -q "^[^:]*:[^:]*:$gid:" /etc/group || {
    group=$user
    if grep -q "^$user:" /etc/group; then group=$user-host; fi
    echo "$group:x:$gid:" >> /etc/group
  }
  if ! grep -q "^$user:[^:]*:$uid:$gid:[^:]*:$home:$shell$" /etc/passwd; then
    put_first /etc/passwd "$user:x:$uid:$gid::$home:$shell" "$user"
  fi
  if [ -e /etc/shadow ] && ! grep -q "^$user:" /etc/shadow; then
    echo "$user:*:19000:0:99999:7:::" >> /etc/shadow
  fi
  # The same numbers mean the same groups; a name that the machine has for another number stays its own.
  for each in $CTR_GROUPS; do
    name=$(printf '%s' "$each" | cut -d: -f1) number=$(printf '%s' "$each" | cut -d: -f2)
    grep -q "^[^:]*:[^:]*:$number:" /etc/group || grep -q "^$name:" /etc/group || echo "$name:x:$number:" >> /etc/group
    known=$(grep "^[^:]*:[^:]*:$number:" /etc/group | head -n 1 | cut -d: -f1) || known=
    if [ -n "$known" ] && ! grep "^$known:" /etc/group | cut -d: -f4 | tr , '\n' | grep -qx "$user"; then
      sed "s/^\($known:[^:]*:[^:]*:\)\(.\{1,\}\)\$/\1\2,$user/; s/^\($known:[^:]*:[^:]*:\)\$/\1$user/" /etc/group > /etc/group.ctr
      cat /etc/group.ctr > /etc/group
      rm -f /etc/group.ctr
    fi
  done
  mkdir -p /etc/sudoers.d
  printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$user" > /etc/sudoers.d/ctr-machine
  chmod 0440 /etc/sudoers.d/ctr-machine
  if [ -d /etc/doas.d ]; then printf 'permit nopass %s\n' "$user" > /etc/doas.d/ctr-machine.conf; fi
  if [ ! -d "$home" ]; then
    mkdir -p "$home"
    if [ -d /etc/skel ]; then cp -R /etc/skel/. "$home"; fi
    chown -R "$uid:$gid" "$home"
  fi
fi

if [ -n "$CTR_TIME_ZONE" ] && [ -e "/usr/share/zoneinfo/$CTR_TIME_ZONE" ]; then
  ln -sfn "/usr/share/zoneinfo/$CTR_TIME_ZONE" /etc/localtime
  echo "$CTR_TIME_ZONE" > /etc/timezone
fi

locale=C.UTF-8
wanted=$(printf '%s' "$CTR_LOCALE" | tr 'A-Z' 'a-z' | tr -d -)
if [ -n "$wanted" ] && locale -a 2> /dev/null | tr 'A-Z' 'a-z' | tr -d - | grep -qxF "$wanted"; then locale=$CTR_LOCALE; fi
echo "shell=$shell"
echo "locale=$locale"
`;

/** What the script, ours or the image's, finds in its environment. */
export function userEnvironment(machine: string, user: HostUser): string[] {
  return [
    `CONTAINER_MACHINE_ID=${machine}`,
    `CONTAINER_USER=${user.name}`,
    `CONTAINER_HOME=${user.home}`,
    `CONTAINER_UID=${user.uid}`,
    `CONTAINER_GID=${user.gid}`,
    `CTR_SHELL=${user.shell ?? "bash"}`,
    `CTR_LOCALE=${user.locale ?? ""}`,
    `CTR_TIME_ZONE=${user.timeZone ?? ""}`,
    `CTR_GROUPS=${user.groups.map(({ name, gid }) => `${name}:${gid}`).join(" ")}`,
  ];
}

/** The flags of Docker 28's command line, `-x, --long` each, without `--help`. */
export const DOCKER_FLAGS: Readonly<Record<string, string>> = {
  run: `--add-host, --annotation, -a --attach, --blkio-weight, --blkio-weight-device, --cap-add,
    --cap-drop, --cgroup-parent, --cgroupns, --cidfile, --cpu-count, --cpu-percent, --cpu-period,
    --cpu-quota, --cpu-rt-period, --cpu-rt-runtime, -c --cpu-shares, --cpus, --cpuset-cpus,
    --cpuset-mems, -d --detach, --detach-keys, --device, --device-cgroup-rule, --device-read-bps,
    --device-read-iops, --device-write-bps, --device-write-iops, --disable-content-trust, --dns,
    --dns-opt, --dns-option, --dns-search, --domainname, --entrypoint, -e --env, --env-file, --expose,
    --gpus, --group-add, --health-cmd, --health-interval, --health-retries, --health-start-interval,
    --health-start-period, --health-timeout, -h --hostname, --init, -i --interactive,
    --io-maxbandwidth, --io-maxiops, --ip, --ip6, --ipc, --isolation, --kernel-memory, -l --label,
    --label-file, --link, --link-local-ip, --log-driver, --log-opt, --mac-address, -m --memory,
    --memory-reservation, --memory-swap, --memory-swappiness, --mount, --name, --net, --net-alias,
    --network, --network-alias, --no-healthcheck, --oom-kill-disable, --oom-score-adj, --pid,
    --pids-limit, --platform, --privileged, -p --publish, -P --publish-all, --pull, -q --quiet,
    --read-only, --restart, --rm, --runtime, --security-opt, --shm-size, --sig-proxy, --stop-signal,
    --stop-timeout, --storage-opt, --sysctl, --tmpfs, -t --tty, --ulimit, --use-api-socket, -u --user,
    --userns, --uts, -v --volume, --volume-driver, --volumes-from, -w --workdir`,
  exec: `-d --detach, --detach-keys, -e --env, --env-file, -i --interactive, --privileged, -t --tty,
    -u --user, -w --workdir`,
  ps: "-a --all, -f --filter, --format, -n --last, -l --latest, --no-trunc, -q --quiet, -s --size",
  images: "-a --all, --digests, -f --filter, --format, --no-trunc, -q --quiet, --tree",
  build: `--add-host, --allow, --annotation, --attest, --build-arg, --build-context, --builder,
    --cache-from, --cache-to, --call, --cgroup-parent, --check, -D --debug, -f --file, --iidfile,
    --label, --load, --metadata-file, --network, --no-cache, --no-cache-filter, -o --output,
    --platform, --policy, --progress, --provenance, --pull, --push, -q --quiet, --sbom, --secret,
    --shm-size, --ssh, -t --tag, --target, --ulimit`,
};

/** Flags of `run` that `create` does not have. */
export const NOT_OF_CREATE = ["--detach", "--detach-keys", "--sig-proxy"];

/** What is there and does something else, or more, or less, than Docker's. By command, then flag. */
export const DIFFERENT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  run: {
    "--cpus": "whole processors: the VM has that many",
    "--memory": "of the VM: the guest's kernel lives in it too; at least 200M",
    "--hostname": "`-h` is `--help`; write `--hostname`",
    "--device": "a device of the container's VM, not of the host",
    "--mount":
      "also `type=virtiofs` for `bind`; without a type, a source that is a path is a bind mount",
    "--network": "not `host` and `container:…`; several may be given: [networks.md](networks.md)",
    "--publish": "listens at 127.0.0.1 and ::1 unless an address is given",
    "--publish-all": "listens at 127.0.0.1 and ::1",
    "--net": "as `--network`",
    "--pids-limit": "32768 when it is not given",
    "--privileged": "inside the VM alone: the host stays out of reach",
    "--sysctl": "any of the VM's kernel, not the namespaced ones alone",
    "--security-opt":
      "`apparmor=unconfined` and `label=disable` change nothing; profiles of AppArmor and SELinux are refused",
    "--stop-timeout": "5 seconds when it is not given, and fractions are read",
    "--volume":
      "a host path has to exist; a socket is relayed; `shared` and `slave` propagation are refused",
  },
  exec: {
    "--privileged": "inside the VM alone: the host stays out of reach",
  },
  ps: {
    "--filter": "not `is-task`",
    "--format":
      "also `yaml` and `toml`; `json` is one array of ctr's own objects; templates know docker's names and ctr's",
    "--size": "what it has allocated on the host, not the sum of its files",
  },
  images: {
    "--format":
      "also `yaml` and `toml`; `json` is one array of ctr's own objects; templates know docker's names and ctr's",
    "--quiet": "references, for ctr addresses images by them",
    "--no-trunc": "the same as `--digests`",
  },
  build: {
    "--allow": "for steps that ask for it; not `device`",
    "--annotation": "levels as in Docker, one each",
    "--build-context": "not `input:`, which is for bake files",
    "--cache-from": "`registry` and `local`; not `gha`, `s3`, `azblob`",
    "--cache-to": "`registry`, `local` and `inline`; not `gha`, `s3`, `azblob`",
    "--call": "`check`, `outline` and `targets`, each also with `,format=json`",
    "--debug": "`-D` is not there; write `--debug`",
    "--iidfile":
      "the digest of the manifest, or of the index; `ctr` takes it wherever an image is named",
    "--load": "changes nothing: images go into the store unless `--output` says otherwise",
    "--network": "`default`, `none` and `host`",
    "--output":
      "`type=oci` without `dest` goes into the store, as in Apple's container; `dest=-` is standard output",
    "--progress": "without `none` being different from `quiet`",
    "--quiet": "prints the digest of the manifest, or of the index",
    "--ssh": "a key gets an agent of its own for the time of the build",
  },
};

/** Flags of `images` that are not declared. */
export const REFUSED_ELSEWHERE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  images: { "--tree": "not known; see `-v`, which prints a line for each platform" },
};

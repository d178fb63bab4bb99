/** What an engine answers, filled in. */
export function container(prefix: string, name: string, state: string) {
  const exited = state === "exited";
  return {
    id: prefix.repeat(32),
    name,
    configuration: {
      image: { reference: "docker.io/library/alpine:3", digest: `sha256:${"d".repeat(64)}` },
      platform: { os: "linux", architecture: "amd64" },
      initProcess: {
        executable: "/bin/sh",
        arguments: ["-c", "echo: hello # world"],
        environment: ["PATH=/bin"],
        workingDirectory: "/",
        terminal: false,
        interactive: false,
        user: "0:0",
      },
      resources: { cpus: 4, memoryInBytes: 1073741824 },
      hostname: name,
      labels: exited ? {} : { tier: "front", other: "x" },
      readOnly: false,
      autoRemove: false,
      stopSignal: "TERM",
      creationDate: exited ? "2026-01-01T00:00:02Z" : "2026-01-01T00:00:00Z",
      mounts: exited ? [] : [{
        type: "volume",
        name: "data",
        source: "/var/lib/ctr/volumes/data",
        destination: "/data",
        readonly: false,
      }],
    },
    status: {
      state,
      startedAt: "2026-01-01T00:00:01Z",
      networks: exited ? [] : [{
        network: "default",
        hostname: name,
        ipv4Address: "192.168.127.3/24",
        macAddress: "02:d8:00:00:00:03",
        mtu: 1500,
      }],
      upperBytes: 1234567,
      ...(exited ? {} : { health: { state: "healthy", failingStreak: 0, probes: [] } }),
      ...(exited && {
        exit: { status: 3, reason: "exited", finishedAt: "2026-01-01T00:00:09Z" },
      }),
    },
  };
}

export function image(reference: string) {
  const digest = `sha256:${"1234abcd".repeat(8)}`;
  return {
    id: digest.slice(7),
    configuration: {
      name: reference,
      creationDate: "2026-01-01T00:00:00Z",
      descriptor: { mediaType: "application/vnd.oci.image.index.v1+json", digest, size: 1234 },
    },
    variants: [{
      platform: { os: "linux", architecture: "amd64" },
      digest: `sha256:${"feed".repeat(16)}`,
      size: 7_654_321,
      config: { created: "2026-01-01T00:00:00Z" },
    }],
  };
}

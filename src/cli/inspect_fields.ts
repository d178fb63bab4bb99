import type { Container } from "../api/mod.ts";
import { familiarReference } from "./familiar.ts";

/** Docker's names for what `inspect` knows of a container, for templates: `{{.State.Status}}`. */
export function inspectFields(container: Container): Record<string, unknown> {
  const { id, name, configuration, status } = container;
  const { image, initProcess: process, resources, labels, mounts } = configuration;
  const addresses = Object.fromEntries(
    status.networks.map((each) => [each.network, {
      IPAddress: address(each.ipv4Address),
      Gateway: each.ipv4Gateway ?? "",
      GlobalIPv6Address: address(each.ipv6Address),
      IPv6Gateway: each.ipv6Gateway ?? "",
      MacAddress: each.macAddress,
    }]),
  );
  return {
    Id: id,
    ID: id,
    Name: name,
    Created: configuration.creationDate,
    Path: process.executable,
    Args: process.arguments,
    Image: image.digest,
    Platform: configuration.platform.os,
    RestartCount: status.restart?.count ?? 0,
    State: state(container),
    Config: {
      Cmd: [process.executable, ...process.arguments],
      Env: process.environment,
      Hostname: configuration.hostname,
      Image: familiarReference(image.reference),
      Labels: labels,
      OpenStdin: process.interactive,
      StopSignal: configuration.stopSignal,
      Tty: process.terminal,
      User: process.user,
      WorkingDir: process.workingDirectory,
      Healthcheck: configuration.healthCheck && { Test: configuration.healthCheck.test },
    },
    HostConfig: {
      AutoRemove: configuration.autoRemove,
      Memory: resources.memoryInBytes,
      NanoCpus: resources.cpus * 1e9,
      ReadonlyRootfs: configuration.readOnly,
      RestartPolicy: {
        Name: configuration.restartPolicy.name,
        MaximumRetryCount: configuration.restartPolicy.maximumRetries,
      },
    },
    Mounts: mounts.map((mount) => ({
      Type: mount.type,
      Name: mount.name ?? "",
      Source: mount.source,
      Destination: mount.destination,
      RW: !mount.readonly,
    })),
    NetworkSettings: {
      IPAddress: Object.values(addresses)[0]?.IPAddress ?? "",
      MacAddress: Object.values(addresses)[0]?.MacAddress ?? "",
      Ports: ports(status),
      Networks: addresses,
    },
  };
}

function address(cidr = ""): string {
  return cidr.replace(/\/.*/, "");
}

/** As docker keys them: `80/tcp`. */
function ports({ publishedPorts }: Container["status"]) {
  const found: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { containerPort, protocol, hostAddress, hostPort } of publishedPorts) {
    (found[`${containerPort}/${protocol}`] ??= []).push({
      HostIp: hostAddress,
      HostPort: String(hostPort),
    });
  }
  return found;
}

function state({ status }: Container) {
  const { exit, health, state } = status;
  return {
    Status: state,
    Running: ["running", "paused", "stopping"].includes(state),
    Paused: state === "paused",
    Restarting: state === "restarting",
    OOMKilled: exit?.reason === "oom",
    Dead: false,
    Pid: status.pid ?? 0,
    ExitCode: exit?.status ?? 0,
    Error: exit?.detail ?? "",
    StartedAt: status.startedAt ?? "0001-01-01T00:00:00Z",
    FinishedAt: exit?.finishedAt ?? "0001-01-01T00:00:00Z",
    ...(health && {
      Health: {
        Status: health.state,
        FailingStreak: health.failingStreak,
        Log: health.probes.map((probe) => ({
          Start: probe.startedAt,
          End: probe.finishedAt,
          ExitCode: probe.exitStatus,
          Output: probe.output,
        })),
      },
    }),
  };
}

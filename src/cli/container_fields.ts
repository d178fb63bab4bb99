import type { Container } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import { roughly } from "./ago.ts";
import { familiarReference } from "./familiar.ts";

/**
 * Docker's names for what `ls` shows, for templates: `{{.ID}} {{.Names}} {{.Status}}`.
 *
 * @param id As it is to be shown.
 */
export function containerFields(
  { id: whole, name, configuration, status }: Container,
  id: string,
  nowMs: number,
): Record<string, unknown> {
  const { image, platform, labels, mounts, initProcess, creationDate } = configuration;
  const command = [initProcess.executable, ...initProcess.arguments].join(" ");
  const cut = id.length < whole.length && [...command].length > 20;
  return {
    ID: id,
    Names: name,
    Name: name,
    Image: familiarReference(image.reference),
    ImageID: image.digest,
    Command: `"${cut ? `${[...command].slice(0, 19).join("")}…` : command}"`,
    CreatedAt: creationDate,
    RunningFor: `${roughly(nowMs - Date.parse(creationDate))} ago`,
    Status: statusText(status, nowMs),
    State: status.state,
    Health: status.health?.state ?? "",
    Platform: `${platform.os}/${platform.architecture}`,
    Ports: portsText(status.publishedPorts),
    Size: formatSize(status.upperBytes ?? 0),
    Labels: Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(","),
    Label: (key: unknown) => Object.hasOwn(labels, String(key)) ? labels[String(key)] : "",
    Mounts: mounts.map((mount) => mount.name ?? mount.source).join(","),
    LocalVolumes: String(mounts.filter((mount) => mount.type === "volume").length),
    Networks: status.networks.map(({ network }) => network).join(","),
  };
}

/** As docker writes them: `127.0.0.1:8080->80/tcp, [::1]:8080->80/tcp`. */
export function portsText(ports: Container["status"]["publishedPorts"]): string {
  return ports.map(({ hostAddress, hostPort, containerPort, protocol }) => {
    const host = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
    return `${host}:${hostPort}->${containerPort}/${protocol}`;
  }).join(", ");
}

/** `Up 3 minutes (healthy)`, `Exited (3) 2 hours ago`, as docker says it. */
function statusText(status: Container["status"], nowMs: number): string {
  const { state, startedAt, exit, health } = status;
  const since = (time: string | undefined) => roughly(nowMs - Date.parse(time ?? ""));
  switch (state) {
    case "running":
    case "paused":
    case "stopping": {
      const note = state === "paused" ? "Paused" : health?.state;
      const shown = note === "starting" ? "health: starting" : note;
      return `Up ${since(startedAt)}${shown ? ` (${shown})` : ""}`;
    }
    case "restarting":
      return `Restarting (${exit?.status ?? 0}) ${since(exit?.finishedAt)} ago`;
    case "exited":
      return exit ? `Exited (${exit.status}) ${since(exit.finishedAt)} ago` : "Exited";
    default:
      return state.slice(0, 1).toUpperCase() + state.slice(1);
  }
}

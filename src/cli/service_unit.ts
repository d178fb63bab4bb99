/** What a service is made from. */
export interface ServiceFacts {
  readonly system: "linux" | "darwin";
  readonly root: boolean;
  readonly uid: number;
  /** The command of the engine that stays. */
  readonly command: readonly string[];
  /** The ctr home, and whether it is the default one: others get a service of their own. */
  readonly home: string;
  readonly defaultHome: boolean;
  readonly env: (name: string) => string | undefined;
}

/** A service that is to be written, with the commands that make the system read it. */
export interface Service {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly enable: readonly (readonly string[])[];
  readonly disable: readonly (readonly string[])[];
}

/** Variables that the engine needs of the shell in which it was enabled. */
const PASSED_ON = ["PATH", "CTR_CACHE", "CTR_CONFIG", "CTR_ASSETS", "XDG_CONFIG_HOME"];
const MARK = /starts at (boot|login|once)/;

/** The service of a home. `boot`: it starts before anybody has logged in. */
export function serviceOf(facts: ServiceFacts, boot: boolean): Service {
  return facts.system === "darwin" ? launchd(facts, boot) : systemd(facts, boot);
}

/** When a service that was written starts. */
export function startsAt(text: string): "boot" | "login" | "once" {
  return (MARK.exec(text)?.[1] ?? "login") as "boot" | "login" | "once";
}

function suffix({ home, defaultHome }: ServiceFacts): string {
  if (defaultHome) return "";
  let hash = 0x811c9dc5; // FNV-1a: names of few homes
  for (const byte of new TextEncoder().encode(home)) hash = Math.imul(hash ^ byte, 0x01000193);
  return `-${(hash >>> 0).toString(16).padStart(8, "0")}`;
}

function environment({ home, env }: ServiceFacts): [string, string][] {
  const passed = PASSED_ON.flatMap((name): [string, string][] => {
    const value = env(name);
    return value ? [[name, value]] : [];
  });
  return [["CTR_HOME", home], ...passed];
}

/**
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
 */
function systemd(facts: ServiceFacts, boot: boolean): Service {
  const { root, env } = facts;
  const name = `ctr${suffix(facts)}.service`;
  const folder = root
    ? "/etc/systemd/system"
    : `${env("XDG_CONFIG_HOME") || `${env("HOME")}/.config`}/systemd/user`;
  const control = root ? ["systemctl"] : ["systemctl", "--user"];
  const when = boot ? "boot" : root ? "once" : "login";
  const text = [
    `# Written by "ctr service enable": starts at ${when}.`,
    "[Unit]",
    `Description=Engine of ctr (${specifiers(facts.home)})`,
    ...(root ? ["Wants=network-online.target", "After=network-online.target"] : []),
    "",
    "[Service]",
    "Type=exec",
    ...environment(facts).map(([key, value]) => `Environment=${quoted(`${key}=${value}`)}`),
    `ExecStart=${facts.command.map(execWord).join(" ")}`,
    "Restart=always",
    "RestartSec=1",
    "# Virtual machines outlive the engine: the next one finds them.",
    "KillMode=process",
    "",
    "[Install]",
    `WantedBy=${root ? "multi-user.target" : "default.target"}`,
    "",
  ].join("\n");
  const on = when === "once" ? ["start", name] : ["enable", "--now", name];
  return {
    name,
    path: `${folder}/${name}`,
    text,
    enable: [
      [...control, "daemon-reload"],
      [...control, ...on],
      ...(boot && !root ? [["loginctl", "enable-linger"]] : []),
    ],
    disable: [[...control, "disable", "--now", name]],
  };
}

function quoted(text: string): string {
  return `"${specifiers(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function specifiers(text: string): string {
  return text.replaceAll("%", "%%").replaceAll("\n", " ");
}

/** In a command line, `$` would be a variable. */
function execWord(text: string): string {
  return quoted(text.replaceAll("$", "$$$$"));
}

/** @see https://developer.apple.com/library/archive/documentation/MacOSX/Conceptual/BPSystemStartup */
function launchd(facts: ServiceFacts, boot: boolean): Service {
  const { root, env, uid } = facts;
  const name = `ctr.engine${suffix(facts)}`;
  const folder = boot ? "/Library/LaunchDaemons" : `${env("HOME")}/Library/LaunchAgents`;
  const domain = boot ? "system" : root ? "user/0" : `gui/${uid}`;
  const user = boot ? env("SUDO_USER") : undefined;
  const path = `${folder}/${name}.plist`;
  const strings = (values: readonly string[]) =>
    values.map((each) => `    <string>${xml(each)}</string>`);
  const text = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" ' +
    '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- Written by "ctr service enable": starts at ${boot ? "boot" : "login"}. -->`,
    '<plist version="1.0">',
    "<dict>",
    `  <key>Label</key><string>${name}</string>`,
    ...(user ? [`  <key>UserName</key><string>${xml(user)}</string>`] : []),
    "  <key>ProgramArguments</key>",
    "  <array>",
    ...strings(facts.command),
    "  </array>",
    "  <key>EnvironmentVariables</key>",
    "  <dict>",
    ...environment(facts).map(([key, value]) =>
      `    <key>${key}</key><string>${xml(value)}</string>`
    ),
    "  </dict>",
    "  <key>RunAtLoad</key><true/>",
    "  <key>KeepAlive</key><true/>",
    "  <key>AbandonProcessGroup</key><true/>",
    "  <key>ProcessType</key><string>Interactive</string>",
    `  <key>StandardErrorPath</key><string>${xml(facts.home)}/run/engine.log</string>`,
    "</dict>",
    "</plist>",
    "",
  ].join("\n");
  return {
    name,
    path,
    text,
    enable: [["launchctl", "bootstrap", domain, path]],
    disable: [["launchctl", "bootout", `${domain}/${name}`]],
  };
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

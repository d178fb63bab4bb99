import { HostDomainList } from "../api/mod.ts";
import type { App } from "./app.ts";
import { type Format, printList } from "./list.ts";
import { parseAnswer } from "./parse_answer.ts";
import { eachTarget } from "./targets.ts";

/** Makes a domain and prints its name. */
export async function create(app: App, name: string): Promise<void> {
  const engine = await app.engine();
  await engine.post("/domains", { name });
  app.stdout.line(name);
  app.stderr.line(`note: this host's resolver must be told once; see "ctr dns enable ${name}"`);
}

export async function remove(app: App, names: readonly string[]): Promise<void> {
  const engine = await app.engine();
  await eachTarget(app, names, async (name) => {
    await engine.delete(`/domains/${encodeURIComponent(name)}`);
    app.stdout.line(name);
  });
}

export async function list(
  app: App,
  flags: { readonly format: Format; readonly quiet?: boolean },
): Promise<void> {
  const { domains } = await known(app);
  await printList(app, domains, {
    format: flags.format,
    quiet: flags.quiet,
    header: ["DOMAIN"],
    row: (domain) => [domain],
    id: (domain) => domain,
    fields: (domain) => ({ Name: domain, Domain: domain }),
  });
}

/** Makes the domain unless it is there, and prints the one step that needs rights. */
export async function enable(app: App, name: string): Promise<void> {
  const engine = await app.engine();
  if (!(await known(app)).domains.includes(name)) await engine.post("/domains", { name });
  const { port } = await known(app);
  for (const line of steps(name, port)) app.stdout.line(line);
}

function steps(name: string, port: number): string[] {
  return [
    `Containers are found as NAME.${name} at 127.0.0.1, UDP port ${port}, while the engine runs.`,
    "Tell this host's resolver so, once, with rights that ctr does not have and does not want:",
    "",
    "systemd-resolved:",
    "  sudo mkdir -p /etc/systemd/resolved.conf.d",
    `  printf '[Resolve]\\nDNS=127.0.0.1:${port}\\nDomains=~${name}\\n' |`,
    "    sudo tee /etc/systemd/resolved.conf.d/ctr.conf",
    "  sudo systemctl restart systemd-resolved",
    "",
    "dnsmasq, also below NetworkManager:",
    `  echo 'server=/${name}/127.0.0.1#${port}' | sudo tee /etc/dnsmasq.d/ctr.conf`,
    "  sudo systemctl restart dnsmasq",
    "",
    "macOS:",
    "  sudo mkdir -p /etc/resolver",
    `  printf 'nameserver 127.0.0.1\\nport ${port}\\n' | sudo tee /etc/resolver/${name}`,
    "",
    `Without any of this: ctr dns query NAME`,
  ];
}

async function known(app: App): Promise<HostDomainList> {
  const engine = await app.engine();
  return parseAnswer(HostDomainList, await engine.get("/domains"));
}

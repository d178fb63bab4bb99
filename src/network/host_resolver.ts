/** Names what servers and search domains this host has. */
export class HostResolver {
  readonly path: string;

  constructor(path = "/etc/resolv.conf") {
    this.path = path;
  }

  /** Of the last line that has some (resolv.conf(5)); none if there is no such file. */
  async searchDomains(): Promise<readonly string[]> {
    const text = await Deno.readTextFile(this.path).catch(() => "");
    const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
    const last = lines.findLast(([word]) => word === "search" || word === "domain");
    return last?.slice(1).filter((name) => name !== ".") ?? [];
  }
}

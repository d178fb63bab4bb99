/** `docker-registry` with a list of users: "ann" with "secret-word". */
export class RealRegistry implements AsyncDisposable {
  private constructor(
    readonly host: string,
    readonly folder: string,
    readonly process: Deno.ChildProcess,
  ) {}

  static async available(): Promise<boolean> {
    try {
      return (await new Deno.Command("docker-registry", { args: ["--version"] }).output()).success;
    } catch {
      return false;
    }
  }

  /** @param tls With `clients`, a PEM file, whoever connects needs a certificate by that authority. */
  static async start(
    tls?: { readonly cert: string; readonly key: string; readonly clients?: string },
  ): Promise<RealRegistry> {
    const folder = await Deno.makeTempDir({ prefix: "ctr-registry-" });
    // bcrypt, because nothing else is taken.
    const users = "ann:$2b$04$abcdefghijklmnopqrstuujV0zJ3tj1V5vPQQ5i8Bd/sbbeTbZTaC\n";
    await Deno.writeTextFile(`${folder}/users`, users);
    if (tls) {
      await Deno.writeTextFile(`${folder}/cert.pem`, tls.cert);
      await Deno.writeTextFile(`${folder}/key.pem`, tls.key);
    }
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const host = `127.0.0.1:${listener.addr.port}`;
    listener.close();
    const clients = tls?.clients === undefined ? "" : `, clientcas: ["${tls.clients}"]`;
    const files = `{ certificate: ${folder}/cert.pem, key: ${folder}/key.pem${clients} }`;
    await Deno.writeTextFile(
      `${folder}/config.yml`,
      `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: "${folder}/storage" } }
http: { addr: "${host}"${tls ? `, tls: ${files}` : ""} }
auth: { htpasswd: { realm: test, path: "${folder}/users" } }
`,
    );
    const process = new Deno.Command("docker-registry", {
      args: ["serve", `${folder}/config.yml`],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const registry = new RealRegistry(host, folder, process);
    const until = performance.now() + 10_000;
    while (!await answers(host)) {
      if (performance.now() > until) throw new Error("docker-registry does not answer");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return registry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function answers(host: string): Promise<boolean> {
  try {
    const [hostname = "", port] = host.split(":");
    (await Deno.connect({ hostname, port: Number(port) })).close();
    return true;
  } catch {
    return false;
  }
}

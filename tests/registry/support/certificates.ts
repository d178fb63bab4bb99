/** A certificate authority of the test's own, and what it signs. Made by `openssl`. */
export class TestAuthority implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async make(): Promise<TestAuthority> {
    const authority = new TestAuthority(await Deno.makeTempDir({ prefix: "ctr-ca-" }));
    await authority.#openssl(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30",
      "-keyout ca.key -out ca.crt -subj /CN=Test-CA -addext basicConstraints=critical,CA:TRUE",
    );
    await authority.#openssl(
      "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes",
      "-keyout one.key -out one.csr -subj /CN=server",
    );
    return authority;
  }

  /** PEM file of the authority. */
  get path(): string {
    return `${this.folder}/ca.crt`;
  }

  async pem(): Promise<string> {
    return await Deno.readTextFile(this.path);
  }

  /** @param names For example `IP:127.0.0.1`. @param days From now on; negative: it is over. */
  async server(names = "IP:127.0.0.1,DNS:localhost", days = 5) {
    const name = `server-${crypto.randomUUID().slice(0, 8)}`;
    await Deno.writeTextFile(`${this.folder}/${name}.ext`, `subjectAltName=${names}\n`);
    await this.#openssl(
      `x509 -req -in one.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days ${days}`,
      `-out ${name}.crt -extfile ${name}.ext`,
    );
    const read = (file: string) => Deno.readTextFile(`${this.folder}/${file}`);
    return { cert: await read(`${name}.crt`), key: await read("one.key") };
  }

  async #openssl(...words: string[]): Promise<void> {
    const { success, stderr } = await new Deno.Command("openssl", {
      args: words.join(" ").split(" "),
      cwd: this.folder,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

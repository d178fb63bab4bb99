import { join } from "node:path";
import { SYMBOLS } from "../../src/hypervisor/vz/symbols.ts";

/**
 * A shim that starts VMs which are not there, and breaks at the first pause as `BROKEN_SHIM` says.
 *
 * @returns The library's path, in `folder`.
 */
export async function brokenShim(folder: string): Promise<string> {
  const own = new Set([
    "ctrvz_abi",
    "ctrvz_events",
    "ctrvz_vm_create",
    "ctrvz_vm_start",
    "ctrvz_vm_pause",
    "ctrvz_socketpair",
    "ctrvz_machine_id",
  ]);
  const rest = Object.keys(SYMBOLS).filter((name) => !own.has(name));
  const source = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static int ends[2];
unsigned ctrvz_abi(void) { return 1; }
int ctrvz_events(void) { socketpair(AF_UNIX, SOCK_STREAM, 0, ends); return ends[0]; }
char *ctrvz_machine_id(void) { return 0; }
unsigned ctrvz_vm_create(const char *json, char **error) { return 1; }
int ctrvz_socketpair(int type, int *pair) { return socketpair(AF_UNIX, type == 1 ? SOCK_STREAM : SOCK_DGRAM, 0, pair); }
static void say(const char *text) { if (write(ends[1], text, strlen(text)) < 0) abort(); }
int ctrvz_vm_start(unsigned vm, unsigned token) {
    char line[64];
    snprintf(line, sizeof line, "{\\"event\\":\\"done\\",\\"token\\":%u}\\n", token);
    say(line);
    return 0;
}
int ctrvz_vm_pause(unsigned vm, unsigned token) {
    const char *how = getenv("BROKEN_SHIM");
    if (!strcmp(how, "garbage")) say("party\\n");
    if (!strcmp(how, "closed")) close(ends[1]);
    if (!strcmp(how, "trap")) abort();
    return 0;
}
${rest.map((name) => `long ${name}(void) { return 0; }`).join("\n")}
`;
  const [from, to] = [join(folder, "shim.c"), join(folder, "shim.so")];
  await Deno.writeTextFile(from, source);
  const { success, stderr } = await new Deno.Command("gcc", {
    args: ["-shared", "-fPIC", "-w", "-o", to, from],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return to;
}

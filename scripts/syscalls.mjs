// Writes src/container/syscall_tables.ts: names and numbers of Linux's system calls, from the module
// golang.org/x/sys that the guest is built with. Run: deno run -A scripts/syscalls.mjs
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const folder = execFileSync("go", ["list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys"], {
  cwd: new URL("guest/", root),
  encoding: "utf8",
}).trim();

function table(name, goarch) {
  const text = readFileSync(`${folder}/unix/zsysnum_linux_${goarch}.go`, "utf8");
  const numbers = [...text.matchAll(/^\tSYS_(\w+)\s*=\s*(\d+)$/gm)]
    .map(([, call, number]) => `${call.toLowerCase()} ${number}`);
  const lines = [""];
  for (const each of numbers) {
    if (lines.at(-1).length + each.length > 94) lines.push("");
    lines.push(`${lines.pop()}${each},`);
  }
  return `const ${name} = \`\n${lines.join("\n")}\n\`;\n`;
}

writeFileSync(
  new URL("src/container/syscall_tables.ts", root),
  `// Written by scripts/syscalls.mjs from golang.org/x/sys/unix. Do not edit.

${
    ["amd64", "386", "arm64", "arm"].map((arch) => table(`LINUX_${arch.toUpperCase()}`, arch)).join(
      "\n",
    )
  }
/** What a program of each architecture can call: the native interface and the 32-bit one. */
export const ABIS = {
  amd64: [{ audit: 0xc000003e, table: LINUX_AMD64 }, { audit: 0x40000003, table: LINUX_386 }],
  arm64: [{ audit: 0xc00000b7, table: LINUX_ARM64 }, { audit: 0x40000028, table: LINUX_ARM }],
} as const;

/** Numbers by name. */
export function syscallNumbers(table: string): ReadonlyMap<string, number> {
  return new Map(
    table.split(",").map((entry) => entry.trim().split(" "))
      .filter(([name]) => name)
      .map(([name, number]) => [name!, Number(number)]),
  );
}
`,
);

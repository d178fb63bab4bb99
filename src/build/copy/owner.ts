/** Owners and modes as `--chown` and `--chmod` say them. */
import { CtrError } from "../../core/mod.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** `/etc/passwd` and `/etc/group` of the stage, as text; undefined where there is none. */
export interface Accounts {
  passwd(): string | undefined;
  group(): string | undefined;
}

const MOST_ID = 2 ** 32 - 2;

/**
 * Resolves `user`, `user:group`, `uid`, `uid:gid`. A number alone is the group's too.
 *
 * @throws {CtrError} `not-found` for a name that the stage does not know.
 */
export function resolveOwner(text: string, accounts: Accounts): Owner {
  const [user = "", group] = text.split(/:(.*)/s);
  const owner = userOf(user, accounts, text);
  if (group === undefined || group === "") return owner;
  return { uid: owner.uid, gid: groupOf(group, accounts, text) };
}

function userOf(name: string, accounts: Accounts, text: string): Owner {
  const number = idOf(name, text);
  if (number !== undefined) return { uid: number, gid: number };
  if (name === "") return { uid: 0, gid: 0 };
  for (const [user, , uid = "", gid = ""] of fields(accounts.passwd())) {
    if (user === name) return { uid: Number(uid) || 0, gid: Number(gid) || 0 };
  }
  if (name === "root") return { uid: 0, gid: 0 };
  throw unknown("user", name, text, "/etc/passwd");
}

function groupOf(name: string, accounts: Accounts, text: string): number {
  const number = idOf(name, text);
  if (number !== undefined) return number;
  for (const [group, , gid = ""] of fields(accounts.group())) {
    if (group === name) return Number(gid) || 0;
  }
  if (name === "root") return 0;
  throw unknown("group", name, text, "/etc/group");
}

function idOf(name: string, text: string): number | undefined {
  if (!/^\d+$/.test(name)) return undefined;
  if (Number(name) <= MOST_ID) return Number(name);
  throw new CtrError(
    "bad-data",
    `cannot change the owner to "${text}": ${name} is above ${MOST_ID}`,
  );
}

function fields(file: string | undefined): string[][] {
  return (file ?? "").split("\n").map((line) => line.split(":"));
}

function unknown(what: string, name: string, text: string, file: string): CtrError {
  const fact = `the stage's ${file} has no ${what} "${name}"`;
  return new CtrError("not-found", `cannot change the owner to "${text}": ${fact}`, {
    hint: "a number needs no such file",
  });
}

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007 };
const WHAT: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };

/** How a mode is changed: `755`, or `u=rwX,go-w` as chmod takes it. @throws {CtrError} `bad-data`. */
export function parseChmod(text: string): (mode: number, isDirectory: boolean) => number {
  if (/^[0-7]{1,4}$/.test(text)) return () => parseInt(text, 8);
  const clauses = text.split(",").map((clause) => {
    const [, who, changes] = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause) ?? [];
    if (who === undefined || changes === undefined) {
      throw new CtrError(
        "bad-data",
        `cannot change the mode to "${text}": want an octal number to 7777, or u=rwX,go-w`,
      );
    }
    return { who: who === "" || who.includes("a") ? "ugo" : who, changes };
  });
  return (before, isDirectory) => {
    let mode = before;
    for (const { who, changes } of clauses) {
      for (const [, sign = "", what = ""] of changes.matchAll(/([-+=])([a-zA-Z]*)/g)) {
        mode = changed(mode, who, sign, what, isDirectory);
      }
    }
    return mode;
  };
}

function changed(
  mode: number,
  who: string,
  sign: string,
  what: string,
  isDirectory: boolean,
): number {
  const mask = [...who].reduce((all, one) => all | WHO[one]!, 0);
  let bits = 0;
  for (const letter of what) {
    if (letter in WHAT) bits |= WHAT[letter]! & mask;
    else if (letter === "X") bits |= isDirectory || (mode & 0o111) !== 0 ? 0o111 & mask : 0;
    else if (letter === "s") bits |= 0o6000 & mask;
    else if (letter === "t") bits |= 0o1000;
    else bits |= copied(mode, letter) & mask;
  }
  if (sign === "+") return mode | bits;
  if (sign === "-") return mode & ~bits;
  // A directory keeps its setuid and setgid unless they are named, as with chmod.
  const cleared = isDirectory ? mask & 0o777 : mask & 0o6777;
  return mode & ~cleared | bits;
}

/** `g=u`: one's bits for all. */
function copied(mode: number, from: string): number {
  const shift = from === "u" ? 6 : from === "g" ? 3 : 0;
  return (mode >>> shift & 7) * 0o111;
}

import { CtrError } from "../core/mod.ts";
import { parseCidr } from "./cidr.ts";
import type { Egress } from "./types.ts";

const NAME =
  /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

/** @throws {CtrError} `usage` for an exception that is neither a name nor a range. */
export function checkEgress({ allow }: Egress): void {
  for (const { name, range } of allow) {
    if ((name === undefined) === (range === undefined)) {
      throw new CtrError("usage", "cannot use an exception of egress: want a name or a range");
    }
    if (name !== undefined && !NAME.test(name)) {
      throw new CtrError("usage", `cannot allow "${name}": it is no name of a host`);
    }
    if (range !== undefined) parseCidr(range, range.includes(":") ? 6 : 4);
  }
}

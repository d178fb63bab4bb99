import { z } from "zod";
import { HomeMount, HostUser } from "../api/mod.ts";

/** What `machine.json` of an exported machine says. It comes from a stranger. */
export const ArchivedConfig = z.object({
  ctrMachine: z.literal(1),
  name: z.string().max(64),
  image: z.object({ reference: z.string().max(1000), digest: z.string().max(200) }),
  platform: z.object({
    os: z.string().max(32),
    architecture: z.string().max(32),
    variant: z.string().max(32).optional(),
  }),
  cpus: z.int().min(1).max(256),
  memoryBytes: z.int().positive(),
  env: z.array(z.string().regex(/^[^=\0]+=[^\0]*$/).max(1 << 17)).max(1000),
  init: z.enum(["systemd", "vminitd"]),
  /** Of systemd: its path. */
  args: z.array(z.string().max(4096)).max(8),
  user: HostUser,
  homeMount: HomeMount,
  found: z.object({ shell: z.string().max(4096), locale: z.string().max(64) }).optional(),
});
export type ArchivedConfig = z.output<typeof ArchivedConfig>;

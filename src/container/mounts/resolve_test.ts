import assert from "node:assert/strict";
import { join } from "node:path";
import { Home, request } from "../fake_home.ts";

Deno.test("a container's mounts", async (t) => {
  await using home = await Home.make();
  const containers = await home.open();
  const create = (more: Parameters<typeof request>[1]) =>
    containers.create(request(["sleep"], more));
  const mountsOf = (ref: string) => containers.get(ref).record.config.mounts;
  const folder = join(home.path, "folder");
  await Deno.mkdir(folder);
  const bind = (target: string, source = folder) => ({ type: "bind" as const, source, target });

  await t.step("have one target each, which is not the root", async () => {
    await assert.rejects(
      create({ mounts: [bind("/a"), bind("/a/")] }),
      /two mounts have the target "\/a"/,
    );
    await assert.rejects(create({ mounts: [bind("/x/..")] }), /nothing can be mounted at "\/"/);
    await assert.rejects(create({ mounts: [bind("/proc/1")] }), /the kernel is there/);
  });
  await t.step("have a source on the host, or make it when asked", async () => {
    const missing = join(home.path, "missing");
    await assert.rejects(
      create({ mounts: [bind("/a", missing)] }),
      /there is no ".*missing" on the host/,
    );
    await create({ name: "maker", mounts: [{ ...bind("/a", missing), create: true }] });
    assert((await Deno.stat(missing)).isDirectory);
  });
  await t.step(
    "are anonymous volumes where the image says VOLUME and nothing else is",
    async () => {
      const config = { config: { Cmd: ["sleep"], Volumes: { "/data": {}, "/over": {} } } };
      home.image = { ...home.image, config } as unknown as typeof home.image;
      await create({ name: "image", mounts: [bind("/over")] });
      const mounts = mountsOf("image");
      assert.deepEqual(mounts.map(({ type, target }) => [type, target]), [
        ["bind", "/over"],
        ["volume", "/data"],
      ]);
      assert(mounts[1]?.type === "volume" && mounts[1].anonymous);
    },
  );
  await t.step("are lent, read-only on demand, and go with who made them", async () => {
    await create({
      name: "borrower",
      volumesFrom: ["image:ro"],
      mounts: [bind("/over", home.path)],
    });
    const [lent, own] = mountsOf("borrower");
    assert(lent?.type === "volume" && lent.readonly && !lent.anonymous);
    assert(own?.type === "bind" && own.source === home.path);
    await assert.rejects(create({ volumesFrom: ["nobody"] }), /there is no such container/);
  });
  await t.step("are one way for one volume", async () => {
    const volume = (target: string, readonly: boolean) => ({
      type: "volume" as const,
      source: "v",
      target,
      readonly,
    });
    const both = create({ mounts: [volume("/a", true), volume("/b", false)] });
    await assert.rejects(both, /mounted twice, once read-only and once not/);
  });
});

import assert from "node:assert/strict";
import { parseConfig } from "./config.ts";

Deno.test("a configuration file says what it wants in sizes and durations", () => {
  const config = parseConfig(
    '[container]\ncpus = 2\nmemory = "512m"\n[engine]\nidle_timeout = "1m30s"\n',
    "config.toml",
  );
  assert.equal(config.container.cpus, 2);
  assert.equal(config.container.memory, 512 * 1024 * 1024);
  assert.equal(config.engine.idle_timeout, 90_000);
});

Deno.test("an unknown key is an error with a suggestion", () => {
  assert.throws(() => parseConfig("[engine]\nidle_timout = 3\n", "config.toml"), {
    message: 'cannot use "config.toml": there is no key "engine.idle_timout"',
    hint: 'did you mean "engine.idle_timeout"',
  });
});

Deno.test("a value that cannot be used is named", () => {
  assert.throws(
    () => parseConfig('[container]\nmemory = "lots"\n', "config.toml"),
    /cannot use "config.toml": container.memory: cannot read the size "lots"/,
  );
});

Deno.test("what is not TOML is told with its line", () => {
  assert.throws(
    () => parseConfig("[container]\ncpus 3\n", "config.toml"),
    /"config.toml": line 2: /,
  );
});

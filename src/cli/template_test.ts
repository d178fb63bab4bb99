import assert from "node:assert/strict";
import { compileTemplate, subject } from "./template.ts";

const VALUE = {
  id: "abc",
  name: "web",
  count: 3,
  empty: "",
  labels: { b: "2", a: "1" },
  list: ["x", "y"],
  nested: { deep: { value: 7 }, nothing: null },
};
const fields = {
  ID: "abc-docker",
  Label: (key: unknown) => VALUE.labels[key as "a"] ?? "",
};

function render(template: string): string {
  const known = new Set([...Object.keys(VALUE), "absent"]);
  return compileTemplate(template).render(subject({ value: VALUE, fields, known }));
}

Deno.test("templates in Go's language", async (t) => {
  // What Go 1.25's text/template prints for the same, with docker's functions added.
  const cases: [string, string][] = [
    ["plain", "plain"],
    ["{{.ID}}/{{.name}}/{{.Name}}", "abc-docker/web/web"],
    ["{{.nested.deep.value}}", "7"],
    ["{{.nested.deep.other.more}}", "<no value>"],
    ["{{.absent}}", "<no value>"],
    ["{{.list}} {{.labels}}", "[x y] map[a:1 b:2]"],
    ["{{json .list}} {{json .nested}}", '["x","y"] {"deep":{"value":7},"nothing":null}'],
    ["{{json .ID}}", '"abc-docker"'],
    ['{{join .list ","}}', "x,y"],
    ["{{upper .name}} {{.name | upper | lower}} {{title .name}}", "WEB web Web"],
    ['{{truncate .name 2}}|{{pad .name 1 2}}|{{index (split "a:b" ":") 1}}', "we| web  |b"],
    ["{{if .empty}}a{{else if .count}}b{{else}}c{{end}}", "b"],
    ["{{if not .empty}}none{{end}}", "none"],
    ["{{range .list}}<{{.}}>{{end}}", "<x><y>"],
    ["{{range $k, $v := .labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;"],
    ["{{range $v := .list}}{{$v}}{{$.name}}{{end}}", "xwebyweb"],
    ["{{range .empty}}a{{else}}nothing{{end}}", "nothing"],
    ["{{with .nested.deep}}{{.value}}{{end}}{{with .empty}}a{{else}}b{{end}}", "7b"],
    ["{{$x := .name}}{{$x}}", "web"],
    ["a  {{- .name -}}  b", "awebb"],
    ["{{/* nothing */}}x", "x"],
    ['{{printf "%-5s|%03d|%q|%.2f|%x" .name .count .name 1.5 255}}', 'web  |003|"web"|1.50|ff'],
    ['{{eq .name "web"}} {{ne .count 3}} {{gt .count 2}} {{le .count 2}}', "true false true false"],
    ["{{and .name .empty}}|{{or .empty .name}}", "|web"],
    ['{{len .list}} {{len .name}} {{index .labels "b"}} {{slice .name 0 2}}', "2 3 2 we"],
    ['{{.Label "a"}}{{.Label "z"}}', "1"],
    ["{{(index .list 0)}}{{(.nested).deep.value}}", "x7"],
    ['a\\tb{{"\\n"}}', "a\tb\n"],
    ['{{`raw "}}" text`}}', 'raw "}}" text'],
    ["{{true}} {{1.5}} {{nil}}", "true 1.5 <no value>"],
  ];
  for (const [template, expected] of cases) {
    await t.step(template, () => assert.equal(render(template), expected));
  }
});

Deno.test("mistakes in templates are told", () => {
  const cases: [string, RegExp][] = [
    ["{{.Nope}}", /there is no field "Nope" among ID Label id name/],
    ["{{.ID", /a "\{\{" has no "\}\}"/],
    ["{{if .id}}a", /"if" has no "end"/],
    ["{{end}}", /"end" has no beginning/],
    ["{{dance .id}}", /there is no function "dance"/],
    ["{{constructor .id}}", /there is no function "constructor"/],
    ["{{.id 3}}", /takes no arguments/],
    ["{{}}", /is empty/],
    ["{{.id | }}", /a value is missing/],
    ["{{(.id}}", /a "\(" has no "\)"/],
    ["{{$x}}", /there is no variable "\$x"/],
    ["{{index .list 9}}", /there is no element 9/],
    ['{{.list | join ","}}', /"join" wants a list/],
    ["{{#}}", /cannot be read/],
    ["{{pad .id 99999 1}}", /no whole number up to 4096/],
  ];
  for (const [template, message] of cases) assert.throws(() => render(template), message);
});

Deno.test("a template looks nothing up but what JSON holds", () => {
  assert.equal(
    render("{{.nested.constructor}}{{.list.length}}{{.name.length}}"),
    "<no value>".repeat(3),
  );
});

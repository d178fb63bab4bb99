import type { Component } from "./components.ts";

/** The licences of all that is embedded, for people. */
export function notices(version: string, parts: readonly Component[]): string {
  const index = parts.map(({ name, version, licence }) => `  ${name} ${version}: ${licence}`);
  const texts = parts.map(({ name, version, text }) =>
    `${"=".repeat(100)}\n${name} ${version}\n${"=".repeat(100)}\n\n${text.trim()}\n`
  );
  return `ctr ${version} is under the Apache License 2.0 (LICENSE). It contains:\n\n${
    index.join("\n")
  }\n\n${texts.join("\n")}`;
}

/**
 * The same for programs: an SPDX 2.3 document.
 *
 * @param createdAt Given, so that the same release gives the same bytes.
 * @see https://spdx.github.io/spdx-spec/v2.3/
 */
export function spdx(version: string, parts: readonly Component[], createdAt: Date): string {
  const packages = parts.map((part, at) => ({
    SPDXID: `SPDXRef-Package-${at + 1}`,
    name: part.name,
    versionInfo: part.version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: part.licence,
    licenseDeclared: part.licence,
    copyrightText: "NOASSERTION",
    externalRefs: [{
      referenceCategory: "PACKAGE-MANAGER",
      referenceType: "purl",
      referenceLocator: part.purl,
    }],
  }));
  const own = {
    SPDXID: "SPDXRef-ctr",
    name: "ctr",
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "Apache-2.0",
    licenseDeclared: "Apache-2.0",
    copyrightText: "NOASSERTION",
  };
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `ctr-${version}`,
    documentNamespace: `https://spdx.org/spdxdocs/ctr-${version}`,
    creationInfo: {
      created: createdAt.toISOString().replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: ctr-release-${version}`],
    },
    packages: [own, ...packages],
    relationships: [
      {
        spdxElementId: "SPDXRef-DOCUMENT",
        relationshipType: "DESCRIBES",
        relatedSpdxElement: own.SPDXID,
      },
      ...packages.map(({ SPDXID }) => ({
        spdxElementId: own.SPDXID,
        relationshipType: "CONTAINS",
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

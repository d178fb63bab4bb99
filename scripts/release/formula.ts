/** One archive of a release. */
export interface Archive {
  readonly target: string;
  readonly name: string;
  readonly sha256: string;
}

const BLOCKS: readonly (readonly [string, string, string])[] = [
  ["aarch64-apple-darwin", "on_macos", "on_arm"],
  ["aarch64-unknown-linux-gnu", "on_linux", "on_arm"],
  ["x86_64-unknown-linux-gnu", "on_linux", "on_intel"],
];

/**
 * The Homebrew formula of a release.
 *
 * @param base Where the archives are, without a slash at its end.
 * @see https://docs.brew.sh/Formula-Cookbook
 */
export function formula(version: string, base: string, archives: readonly Archive[]): string {
  const blocks = BLOCKS.flatMap(([target, system, processor]) => {
    const archive = archives.find((each) => each.target === target);
    if (!archive) return [];
    return [`  ${system} do
    ${processor} do
      url "${base}/${archive.name}"
      sha256 "${archive.sha256}"
    end
  end
`];
  });
  return `class Ctr < Formula
  desc "Runs every Linux container in a virtual machine of its own"
  homepage "${base.replace(/\/releases\/.*$/, "")}"
  version "${version}"
  license "Apache-2.0"

${blocks.join("\n")}
  def install
    bin.install "ctr"
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/ctr.bash" => "ctr"
    zsh_completion.install "completions/_ctr"
    fish_completion.install "completions/ctr.fish"
    doc.install "README.md", "NOTICES"
  end

  def caveats
    on_linux do
      return "ctr runs virtual machines by QEMU: install qemu-system-x86 or qemu-system-arm, 7.2 or newer."
    end
  end

  test do
    assert_match "ctr version #{version}", shell_output("#{bin}/ctr version")
  end
end
`;
}

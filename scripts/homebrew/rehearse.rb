# Rehearses the installation of a formula without Homebrew: ruby rehearse.rb FORMULA UNPACKED-ARCHIVE PREFIX
# It plays the few words of Homebrew's language that the formula uses, and fails at any other.
require "fileutils"
require "pathname"

formula, archive, prefix = ARGV
PREFIX = Pathname.new(File.expand_path(prefix))

# A folder that takes files, as Homebrew's do.
class Place
  def initialize(path) = @path = path
  def to_s = @path.to_s

  def install(*files)
    FileUtils.mkdir_p(@path)
    files.flatten.each do |file|
      pairs = file.is_a?(Hash) ? file : { file => File.basename(file) }
      pairs.each { |from, to| FileUtils.cp(from, @path / to, preserve: true) }
    end
  end
end

class Formula
  FIELDS = {}
  class << self
    %i[desc homepage version license url sha256].each do |name|
      define_method(name) { |value = nil| value ? FIELDS[name] = value : FIELDS[name] }
    end
    def on_macos = yield
    def on_linux = yield
    def on_arm = yield
    def on_intel = yield
    def test(&block) = define_method(:run_test, &block)
  end
  def version = FIELDS[:version]
  def on_linux = yield
  { bin: "bin", man1: "share/man/man1", bash_completion: "etc/bash_completion.d",
    zsh_completion: "share/zsh/site-functions", fish_completion: "share/fish/vendor_completions.d",
    doc: "share/doc/ctr" }.each { |name, path| define_method(name) { Place.new(PREFIX / path) } }

  def shell_output(command)
    output = `#{command}`
    raise "#{command} failed" unless $?.success?
    output
  end

  def assert_match(pattern, text) = (raise "#{text.inspect} has no #{pattern}" unless text.include?(pattern))
end

load File.expand_path(formula)
instance = Ctr.new
Dir.chdir(archive) { instance.install }
instance.run_test
puts instance.caveats

# A formula that builds from the source of a release. The release workflow writes version and checksum into it
# (packaging/homebrew/fill.sh).
class L402 < Formula
  desc "Sell and buy HTTP over Lightning"
  homepage "https://github.com/l402/l402"
  url "https://github.com/l402/l402/releases/download/v0.1.0/l402-0.1.0-source.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/l402-cli"), "--profile", "dist", "--features", "dist"
    system bin/"l402", "man", buildpath/"man"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"l402", "completions", shells: [:bash, :zsh, :fish])
    pkgshare.install "crates/l402-gateway/l402.example.toml"
  end

  # Keys, ledger and books, which money hangs on. Homebrew removes nothing below var.
  def post_install
    (var/"l402").mkpath
    chmod 0700, var/"l402"
  end

  def caveats
    <<~EOS
      To try it with play money:
        l402 demo
      To sell, write #{etc}/l402/l402.toml (an example: #{opt_pkgshare}/l402.example.toml), then
        brew services start l402
      Money hangs on the files in #{var}/l402: keep copies (l402 backup).
    EOS
  end

  service do
    run [opt_bin/"l402", "serve", "--config", etc/"l402/l402.toml"]
    environment_variables L402_HOME: var/"l402"
    keep_alive crashed: true
    log_path var/"log/l402.log"
    error_log_path var/"log/l402.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/l402 --version")
    system bin/"l402", "serve", "--upstream", "http://127.0.0.1:3000", "--price", "50 sat", "--check"
  end
end

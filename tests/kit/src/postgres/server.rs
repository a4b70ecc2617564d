//! The server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};
use tempfile::TempDir;

/// The name of the only user, and of the database.
const NAME: &str = "l402";

/// The longest wait for a start. Past it something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running PostgreSQL with an empty database. Ended when dropped.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    binaries: PathBuf,
    options: Vec<String>,
    child: Option<Child>,
    /// Part of the socket's name, and the port on loopback if it listens there.
    port: u16,
    /// Certificate and key.
    _files: Option<TempDir>,
}

impl PostgresServer {
    /// Starts a server, and waits until it answers.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with settings of its own, such as `max_connections=20`.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let settings = settings.iter().map(|&one| one.to_owned()).collect();
        Self::launch(settings, 5432, None)
    }

    fn launch(options: Vec<String>, port: u16, files: Option<TempDir>) -> Self {
        let binaries = binaries();
        let folder = tempfile::tempdir().expect("a folder");
        // PostgreSQL runs as another user, who has to get through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let copied = run(Command::new("cp")
            .arg("-a")
            .args([template(&binaries), folder.path().join("data")]));
        assert!(copied, "the template of a database cannot be copied");
        let sockets = folder.path().join("s");
        fs::create_dir(&sockets).expect("a folder");
        fs::set_permissions(&sockets, fs::Permissions::from_mode(0o777)).expect("a mode");
        let mut server = Self {
            folder,
            binaries,
            options,
            child: None,
            port,
            _files: files,
        };
        server.begin();
        server
    }

    /// Starts a server that listens on a loopback port too, with TLS and the password `secret` there. Takes
    /// certificate and key in PEM. Returns the port besides.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    #[must_use]
    pub fn start_tls(certificate: &str, key: &str) -> (Self, u16) {
        let files = tempfile::tempdir().expect("a folder");
        let path = |name: &str| files.path().join(name);
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let hba = "local all all trust\nhostssl all all all scram-sha-256\n";
        for (name, text) in [("cert", certificate), ("key", key), ("hba", hba)] {
            fs::write(path(name), text).expect("a file");
        }
        fs::set_permissions(path("key"), fs::Permissions::from_mode(0o600)).expect("a mode");
        if rustix::process::geteuid().is_root() {
            assert!(
                run(Command::new("chown").arg("postgres").arg(path("key"))),
                "chown fails"
            );
        }
        let port = free_port();
        let setting = |name: &str, file: &str| format!("{name}={}", path(file).display());
        let settings = vec![
            "ssl=on".to_owned(),
            setting("ssl_cert_file", "cert"),
            setting("ssl_key_file", "key"),
            setting("hba_file", "hba"),
            "listen_addresses=127.0.0.1".to_owned(),
        ];
        let server = Self::launch(settings, port, Some(files));
        let set = server.sql("ALTER ROLE l402 PASSWORD 'secret'");
        assert_eq!(set, "", "psql says nothing");
        (server, port)
    }

    /// The address of the database.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = self.socket_folder().display().to_string();
        format!(
            "postgres://{NAME}@{}:{}/{NAME}",
            socket.replace('/', "%2F"),
            self.port
        )
    }

    /// The socket that it listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.socket_folder().join(format!(".s.PGSQL.{}", self.port))
    }

    /// Runs statements, separated by semicolons, as the owner of the database, and returns what they print.
    ///
    /// # Panics
    /// If it fails.
    #[expect(
        clippy::must_use_candidate,
        reason = "a statement may be asked for what it does"
    )]
    pub fn sql(&self, sql: &str) -> String {
        // Each in a transaction of its own, which `ALTER SYSTEM` wants.
        self.each(sql.split(';'))
    }

    /// Runs one statement as it is, semicolons and all, such as a function.
    ///
    /// # Panics
    /// If it fails.
    pub fn statement(&self, sql: &str) {
        let _ = self.each(std::iter::once(sql));
    }

    fn each<'a>(&self, statements: impl Iterator<Item = &'a str>) -> String {
        let told = Command::new(self.binaries.join("psql"))
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(self.socket_folder())
            .args(["-p", &self.port.to_string()])
            .args(["-U", NAME, "-d", NAME])
            .args(statements.flat_map(|one| ["-c", one]))
            .output()
            .expect("psql");
        assert!(
            told.status.success(),
            "{}",
            String::from_utf8_lossy(&told.stderr)
        );
        String::from_utf8_lossy(&told.stdout).trim().to_owned()
    }

    /// Ends it at once, as a loss of power would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Its other processes end when they find it gone.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it if it runs, and starts it again with the same data.
    pub fn restart(&mut self) {
        self.kill();
        self.begin();
    }

    /// Keeps a copy of all data of this moment, as a dump. Restarts the server.
    ///
    /// # Panics
    /// If the data cannot be copied.
    pub fn dump(&mut self) {
        self.stop();
        self.copy("data", "dump");
        self.begin();
    }

    /// Puts the copy of [`PostgresServer::dump`] in the place of the data. Restarts the server.
    ///
    /// # Panics
    /// If there is no copy.
    pub fn put_back(&mut self) {
        self.stop();
        self.copy("dump", "data");
        self.begin();
    }

    fn copy(&self, from: &str, to: &str) {
        let [from, to] = [from, to].map(|name| self.folder.path().join(name));
        assert!(run(Command::new("rm").arg("-rf").arg(&to)), "rm fails");
        let copied = run(Command::new("cp").arg("-a").args([&from, &to]));
        assert!(copied, "the data cannot be copied");
    }

    /// Ends it in an orderly way, with every process that writes.
    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            run(Command::new("kill").args(["-INT", &child.id().to_string()]));
            child.wait().expect("an end");
        }
    }

    /// Stops it in the middle of whatever it does, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let Some(child) = &self.child else { return };
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let found = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &child.id().to_string()])
            .output()
            .expect("ps");
        let children = String::from_utf8_lossy(&found.stdout).into_owned();
        let all = children.split_whitespace().map(str::to_owned);
        for pid in all.chain([child.id().to_string()]) {
            // A child that has ended meanwhile needs no signal.
            run(Command::new("kill")
                .args([signal, &pid])
                .stderr(Stdio::null()));
        }
    }

    fn socket_folder(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Starts the process, and waits until it answers. After a kill the old processes may still hold the
    /// data for a moment: then it is tried again.
    fn begin(&mut self) {
        let clock = SystemClock::default();
        while clock.monotonic() < PATIENCE {
            let mut command = as_other_user(&self.binaries.join("postgres"));
            command.arg("-D").arg(self.folder.path().join("data"));
            command.arg("-k").arg(self.socket_folder());
            command.args(["-p", &self.port.to_string()]);
            for setting in [
                "listen_addresses=",
                "max_connections=60",
                "shared_buffers=16MB",
            ] {
                command.args(["-c", setting]);
            }
            for setting in &self.options {
                command.args(["-c", setting]);
            }
            let log = fs::File::create(self.folder.path().join("log")).expect("a log");
            command
                .stdout(Stdio::null())
                .stderr(log)
                .stdin(Stdio::null());
            let mut child = command.spawn().expect("postgres");
            while child.try_wait().expect("a child").is_none() {
                if self.answers() {
                    self.child = Some(child);
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
                assert!(clock.monotonic() < PATIENCE, "{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    fn answers(&self) -> bool {
        let mut ask = Command::new(self.binaries.join("pg_isready"));
        ask.args(["-q", "-t", "1", "-p", &self.port.to_string(), "-h"])
            .arg(self.socket_folder());
        run(&mut ask)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.freeze(false);
        self.kill();
    }
}

/// Returns a port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn run(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// Returns the folder of the programs, and installs them first if there are none.
fn binaries() -> PathBuf {
    if let Some(found) = installed() {
        return found;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../postgres.sh");
    run(&mut Command::new(script));
    installed().expect("PostgreSQL is not installed; run apt-get install -y postgresql")
}

/// Returns the folder of the newest version that is installed.
fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let whole = |bin: &PathBuf| bin.join("postgres").exists() && bin.join("initdb").exists();
    folders.filter(whole).max()
}

/// Returns a command that runs as the user `postgres`: the server refuses root.
fn as_other_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        "--",
    ]);
    command.arg(program);
    command
}

/// Returns a folder with an empty database, made once and kept beside the build.
fn template(binaries: &Path) -> PathBuf {
    let version = binaries.parent().and_then(Path::file_name);
    let version = version.expect("a version").to_string_lossy().into_owned();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/postgres");
    let whole = kept.join(version);
    if whole.exists() {
        return whole;
    }
    let made = tempfile::tempdir().expect("a folder");
    fs::set_permissions(made.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    let data = made.path().join("data");
    let mut initdb = as_other_user(&binaries.join("initdb"));
    initdb.args([
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-sync",
        "-U",
        NAME,
    ]);
    initdb
        .arg("--wal-segsize=1")
        .arg("-D")
        .arg(&data)
        .stdout(Stdio::null());
    assert!(run(&mut initdb), "initdb fails");
    let single = "CREATE DATABASE l402;\n";
    let mut postgres = as_other_user(&binaries.join("postgres"));
    postgres.args(["--single", "-D"]).arg(&data).arg("postgres");
    let mut child = postgres
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("postgres");
    let mut input = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut input, single.as_bytes()).expect("a statement");
    drop(input);
    assert!(
        child.wait().expect("an end").success(),
        "the database cannot be made"
    );
    fs::create_dir_all(&kept).expect("a folder");
    let own = tempfile::tempdir_in(&kept).expect("a folder");
    let copied = own.path().join("data");
    assert!(
        run(Command::new("cp").arg("-a").args([&data, &copied])),
        "cp fails"
    );
    // Of several that make it at once, one wins, and the others are the same.
    let _ = fs::rename(&copied, &whole);
    whole
}

//! Servers that others wrote, each over a folder with the same resources.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::grammar::RESOURCES;

/// A kind of server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Foreign {
    Cgi,
    Express,
    Nginx,
    Python,
}

/// A server that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Foreign {
    pub(crate) const ALL: [Self; 4] = [Self::Nginx, Self::Express, Self::Python, Self::Cgi];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cgi => "Python's CGI server",
            Self::Express => "Express",
            Self::Nginx => "nginx",
            Self::Python => "Python's http.server",
        }
    }

    /// Starts a server over a folder of its own, and waits until it listens.
    pub(crate) fn start(self, folder: &Path) -> Running {
        let folder = folder.join(format!("{self:?}"));
        let root = folder.join("root");
        write_resources(&root);
        let address = free_address();
        let port = address.port().to_string();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/targets");
        let script = |name: &str| scripts.join(name).display().to_string();
        let mut command = match self {
            Self::Nginx => nginx(&folder, &root, address),
            Self::Express => {
                let mut command = Command::new("node");
                command.args([script("express.js"), port, root.display().to_string()]);
                command
            }
            Self::Python | Self::Cgi => {
                let mut command = Command::new("python3");
                let kind = if matches!(self, Self::Cgi) {
                    "cgi"
                } else {
                    "plain"
                };
                command.args([
                    script("server.py"),
                    port,
                    root.display().to_string(),
                    kind.into(),
                ]);
                command
            }
        };
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::File::create(folder.join("log")).expect("a log");
        let child = quiet.stderr(log).spawn().expect("it is installed");
        let running = Running { child, address };
        running.wait(self, &folder.join("log"));
        running
    }
}

impl Running {
    fn wait(&self, kind: Foreign, log: &PathBuf) {
        for _ in 0..200 {
            if TcpStream::connect(self.address).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(log).unwrap_or_default();
        panic!("{} does not listen: {log}", kind.name());
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// Writes a file for each resource, readable by everybody: a server may give up its rights.
fn write_resources(root: &Path) {
    for resource in RESOURCES {
        let name = resource.trim_start_matches('/');
        let index = if resource.ends_with('/') {
            "index.html"
        } else {
            ""
        };
        let file = root.join(name).join(index);
        let file = PathBuf::from(file.to_string_lossy().trim_end_matches('/').to_owned());
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        let text = format!("R:{resource}:END");
        let script = resource.ends_with(".py");
        let text = if script {
            format!(
                "#!/usr/bin/env python3\nprint('Content-Type: text/plain')\nprint()\nprint('{text}')\n"
            )
        } else {
            text
        };
        std::fs::write(&file, text).expect("written");
        set_mode(&file, if script { 0o755 } else { 0o644 });
    }
    let above = root.ancestors().take(3);
    above.for_each(|folder| set_mode(folder, 0o755));
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).expect("a mode");
}

fn nginx(folder: &Path, root: &Path, address: SocketAddr) -> Command {
    let (folder, root) = (folder.display(), root.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .collect();
    // Its workers would become another user, who may not read everything.
    let is_root = Path::new("/root").read_dir().is_ok();
    let user = if is_root { "user root;\n" } else { "" };
    let text = format!(
        "{user}worker_processes 1;\ndaemon off;\npid {folder}/pid;\nerror_log stderr error;\n\
         events {{}}\nhttp {{\n{temporary}access_log off;\nserver {{\nlisten {address};\n\
         root {root};\nadd_header X-Seen $http_x_route always;\n\
         location = /user/7 {{ return 200 \"R:/user/7:END\"; }}\n}}\n}}\n"
    );
    let file = format!("{folder}/nginx.conf");
    std::fs::write(&file, text).expect("written");
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-p", &folder.to_string(), "-c", &file]);
    command
}

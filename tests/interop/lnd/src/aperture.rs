//! Aperture, a paid gateway by other authors, before an upstream of the test.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use reqwest::Method;

use crate::{Lnd, Program, built, free_port, http, until};

/// A running Aperture that is paid through an lnd. Ends with this value; its tokens stay in its
/// folder.
#[derive(Debug)]
pub struct Aperture {
    address: SocketAddr,
    program: Program,
}

impl Aperture {
    /// Starts Aperture with its files in `folder/aperture`, before this upstream, and waits until
    /// it answers.
    ///
    /// It sells two services at this price in satoshi: `other`, which is every path that begins
    /// with `/other`, and `thing`, which is every other path. It speaks HTTP/1.1 and HTTP/2,
    /// both in the clear.
    ///
    /// # Panics
    /// If the folder cannot be written, or Aperture does not answer within a minute.
    pub async fn start(folder: &Path, seller: &Lnd, upstream: SocketAddr, price_sat: u64) -> Self {
        Self::start_with(folder, seller, upstream, price_sat, "").await
    }

    /// Starts Aperture with `enablempp: true`: beside L402 it offers the scheme `Payment`, with an
    /// invoice of its own.
    ///
    /// # Panics
    /// As [`Aperture::start`].
    pub async fn start_with_payment(
        folder: &Path,
        seller: &Lnd,
        upstream: SocketAddr,
        price_sat: u64,
    ) -> Self {
        Self::start_with(folder, seller, upstream, price_sat, "  enablempp: true\n").await
    }

    /// `schemes` are further lines of the section `authenticator`.
    async fn start_with(
        folder: &Path,
        seller: &Lnd,
        upstream: SocketAddr,
        price_sat: u64,
        schemes: &str,
    ) -> Self {
        let home = folder.join("aperture");
        std::fs::create_dir_all(&home).expect("a folder can be made");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let file = home.join("aperture.yaml");
        let text = configuration(address, seller, upstream, price_sat, schemes);
        std::fs::write(&file, text).expect("a file can be written");
        let mut command = Command::new(built("aperture"));
        command
            .arg(format!("--configfile={}", file.display()))
            .arg(format!("--basedir={}", home.display()))
            .arg(format!(
                "--sqlite.dbfile={}",
                home.join("aperture.db").display()
            ));
        let mut program = Program::start("aperture", &home, command);
        // Aperture answers OPTIONS itself, so this makes no invoice and does not reach the
        // upstream.
        let (http, url) = (http(), format!("http://{address}/"));
        until("Aperture answers", async || {
            program.must_run();
            http.request(Method::OPTIONS, &url).send().await.ok()
        })
        .await;
        Self { address, program }
    }

    /// Returns the address on which Aperture listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops Aperture and waits for the end.
    pub async fn end(self) {
        self.program.end().await;
    }
}

fn configuration(
    address: SocketAddr,
    seller: &Lnd,
    upstream: SocketAddr,
    price_sat: u64,
    schemes: &str,
) -> String {
    let service = |name: &str, path: &str| {
        format!(
            "  - name: \"{name}\"\n    \
               hostregexp: \".*\"\n    \
               pathregexp: \"{path}\"\n    \
               address: \"{upstream}\"\n    \
               protocol: \"http\"\n    \
               auth: \"on\"\n    \
               price: {price_sat}\n"
        )
    };
    format!(
        "listenaddr: \"{address}\"\n\
         insecure: true\n\
         debuglevel: \"info\"\n\
         dbbackend: \"sqlite\"\n\
         authenticator:\n  \
           network: \"regtest\"\n  \
           lndhost: \"{}\"\n  \
           tlspath: \"{}\"\n  \
           macdir: \"{}\"\n\
         {schemes}\
         services:\n{}{}",
        seller.rpc_address(),
        seller.tls_cert().display(),
        seller.macaroons().display(),
        service("other", "^/other"),
        service("thing", "^/"),
    )
}

//! All that operators see and steer, switched on against all of it off.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use l402_lightning::Node;

use super::{Skipped, Stage, Target, World, setup};
use crate::error::{Result, While as _};
use crate::plan;
use crate::server::l402::{Gateway, Setup, understands};
use crate::server::sink;

/// Everything off that is on by default.
const OFF: &str = "[log]\naccess = \"off\"\n[books]\nenabled = false\n";

/// The parts, one a line: its name, and its tables. `SINK` is the address of a server that takes
/// whatever is posted to it, `SECRET` the file of a secret.
const PARTS: &[(&str, &str)] = &[
    (
        "the access log",
        "[log]\naccess = \"all\"\nformat = \"json\"\nfile = \"access.log\"\n",
    ),
    ("books", "[books]\nenabled = true\n"),
    (
        "the listener for operators",
        "[admin]\nlisten = \"127.0.0.1:0\"\n",
    ),
    (
        "checks of upstreams",
        "[health]\npath = \"/free\"\nevery_secs = 1\n",
    ),
    (
        "webhooks",
        "[[webhook]]\nurl = \"http://SINK/hook\"\nsecret_file = \"SECRET\"\nallow_private = true\n",
    ),
    (
        "traces at 1 %",
        "[trace]\nendpoint = \"http://SINK\"\nsample = 0.01\n",
    ),
];

/// The secret that webhooks are signed with.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

impl Stage {
    /// One gateway with all parts and one without, and paid requests to both in turn.
    pub(super) fn operated(&mut self, world: &World, folder: &Path) -> Result<()> {
        let sink = sink::start()?.to_string();
        let secret = secret(folder)?;
        let mut on = String::new();
        for (part, tables) in PARTS {
            let tables = tables.replace("SINK", &sink).replace("SECRET", &secret);
            let with = Setup {
                tables: &tables,
                ..setup(world, folder, "l402-check", &Node::Sandbox, 0)
            };
            // A program that is built without a part, or from before it, is measured without.
            if understands(&with)? {
                on += &tables;
            } else {
                let reason = format!("this build of l402 does not know {part}");
                let name = plan::PAID_ON;
                self.skipped.push(Skipped { name, reason });
            }
        }
        let on = self.with_tables(world, folder, "l402-on", &on)?;
        let off = self.with_tables(world, folder, "l402-off", OFF)?;
        self.reusable(world, plan::PAID_ON, on, 1)?;
        self.reusable(world, plan::PAID_OFF, off, 1)?;
        self.once(world, plan::ONCE_ON, on)?;
        self.once(world, plan::ONCE_OFF, off)
    }

    fn with_tables(
        &mut self,
        world: &World,
        folder: &Path,
        name: &'static str,
        tables: &str,
    ) -> Result<Target> {
        let usual = setup(world, folder, name, &Node::Sandbox, 0);
        let gateway = Gateway::start(&Setup { tables, ..usual })?;
        Ok(self.keep_gateway(gateway))
    }
}

/// Writes the secret of webhooks, for its owner alone, and returns the name of its file.
fn secret(folder: &Path) -> Result<String> {
    let file = folder.join("webhook.key");
    std::fs::write(&file, SECRET).while_doing(file.display())?;
    let owner_alone = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, owner_alone).while_doing(file.display())?;
    Ok(file.display().to_string())
}

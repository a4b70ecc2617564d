//! Holds the map in `ARCHITECTURE.md`, and the language of the sources.
//!
//! - `crates`: the crates that a crate may depend on, and what may not be found in which of them.
//! - `wings`: the folders inside a crate that a folder may use; no circles; one style of module.
//! - `words`: figures on comments, docs, names and lengths, and the least that they may be.
//! - `attacks`: each row of the pages of attacks and faults is shown by a test; `claims` finds them.
//! - `backends`: each case of the contract is passed by each backend, or does not apply;
//!   `cases` has the table.
//!
//! `source` reads a file of Rust as lines of code and of comments, `paths` finds where its `use`
//! declarations and paths lead. Both read plain text, and know only as much Rust as they need.

mod attacks;
mod backends;
mod cases;
mod claims;
mod crates;
mod paths;
mod source;
mod wings;
mod words;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .into()
}

/// Every `.rs` file below `folder`, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    files(folder, &["rs"])
}

/// Every file below `folder` whose name ends so, with its text. What is built or installed there is
/// left out.
fn files(folder: &Path, ends: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let made = ["target", "node_modules"].map(|name| path.ends_with(name));
            if made.contains(&true) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if ends
                .iter()
                .any(|end| path.extension().is_some_and(|e| e == *end))
            {
                let text = std::fs::read_to_string(&path).expect("a source file");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {}", folder.display());
    found
}

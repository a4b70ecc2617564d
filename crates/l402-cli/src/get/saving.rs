//! The flags that choose the place of an answer, with the meaning that they have to curl.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::file::{OutputFile, RemoteFile, Sink};
use crate::error::CliError;

/// The place of the body and of the heads.
#[derive(Args, Debug, Default)]
pub(super) struct SaveArgs {
    /// Write the body to this file (- is stdout)
    #[arg(short, long, value_name = "FILE", overrides_with = "remote_name")]
    output: Option<PathBuf>,

    /// Write the body to a file here that is named like the end of the URL
    #[arg(short = 'O', long, overrides_with = "output")]
    remote_name: bool,

    /// With -O, take the name that the answer gives, if no file has it yet
    #[arg(short = 'J', long)]
    remote_header_name: bool,

    /// Make the folders of -o that there are not
    #[arg(long)]
    create_dirs: bool,

    /// Write the heads of all answers to this file (- is stdout)
    #[arg(short = 'D', long, value_name = "FILE")]
    dump_header: Option<PathBuf>,

    /// Take no body that is longer, in bytes, or with k, M, G
    #[arg(long, value_name = "BYTES", value_parser = size)]
    max_filesize: Option<u64>,
}

impl SaveArgs {
    /// Prepares the place of the body.
    pub(super) fn sink(&self, url: &Url) -> Result<Sink, CliError> {
        if self.remote_name {
            let name = RemoteFile::prepare(url, self.remote_header_name)?;
            return Ok(Sink::Remote(name));
        }
        sink_at(self.output.as_deref(), self.create_dirs)
    }

    /// Returns the file that the body goes to, `None` for stdout. With `-O` it is named like the end of
    /// the URL.
    pub(super) fn path(&self, url: &Url) -> Option<PathBuf> {
        match self.remote_name {
            true => url.path().rsplit('/').next().map(PathBuf::from),
            false => named(self.output.as_deref()).map(Path::to_owned),
        }
    }

    /// Prepares the place of the heads, if there is one.
    pub(super) fn heads(&self) -> Result<Option<Sink>, CliError> {
        let Some(path) = &self.dump_header else {
            return Ok(None);
        };
        sink_at(Some(path), false).map(Some)
    }

    /// Returns the length of the longest body that is taken.
    pub(super) fn max_size(&self) -> Option<u64> {
        self.max_filesize.filter(|most| *most > 0)
    }
}

/// Prepares the place that `-o` names: a file, or stdout.
pub(super) fn sink_at(path: Option<&Path>, makes_folders: bool) -> Result<Sink, CliError> {
    Ok(match named(path) {
        Some(path) => Sink::File(OutputFile::prepare(path, makes_folders)?),
        None => Sink::Stdout,
    })
}

/// Returns the file, `None` for stdout.
fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| *path != Path::new("-"))
}

/// Reads a length in bytes, with curl's units: `k`, `M`, `G`, `T` and `P`, of 1024 each.
fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let power = match unit {
        "" | "b" | "B" => 0,
        "k" | "K" => 1,
        "m" | "M" => 2,
        "g" | "G" => 3,
        "t" | "T" => 4,
        "p" | "P" => 5,
        _ => return Err("write bytes, or a number with k, M, or G".to_owned()),
    };
    let bytes = digits.parse::<u64>().ok();
    let bytes = bytes.and_then(|it| it.checked_mul(1024_u64.pow(power)));
    bytes.ok_or_else(|| "not a length in bytes".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_the_units_of_curl() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("2k", 2048),
            ("3M", 3 << 20),
            ("1G", 1 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "k",
            "-1",
            "1x",
            "1kk",
            "99999999999999999999",
            "99999999999G",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}

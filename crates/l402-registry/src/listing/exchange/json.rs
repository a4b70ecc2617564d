//! The export as JSON: `{"services": […]}`.

use std::io::{self, Write};

use crate::listing::{Listing, ServiceJson};

/// Writes what stands before the services.
pub(crate) fn write_json_head(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"services\":[")
}

/// Writes services, one a line. `is_first` is true before any other were written.
pub(crate) fn write_json(
    out: &mut impl Write,
    listings: &[Listing],
    mut is_first: bool,
) -> io::Result<()> {
    for listing in listings {
        out.write_all(if is_first { b"\n" } else { b",\n" })?;
        is_first = false;
        serde_json::to_writer(&mut *out, &ServiceJson::of(listing))?;
    }
    Ok(())
}

/// Writes what stands behind the services.
pub(crate) fn write_json_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\n]}\n")
}

//! The QR code of an invoice as SVG.

use core::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// The light modules around a code that a reader needs.
const MARGIN: usize = 4;

/// Draws a text as a QR code; nothing if it is too long for one. `label` must be escaped.
///
/// The colours are fixed: some readers know no light code on a dark ground.
pub(super) fn svg(text: &str, label: &str) -> String {
    // The lowest level of correction, for larger modules: a screen has neither folds nor stains.
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
        return String::new();
    };
    let size = code.width() + 2 * MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" role=\"img\" \
         aria-label=\"{label}\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/>\
         <path stroke=\"#000\" d=\"{}\"/></svg>",
        path(&code)
    )
}

/// Returns the dark modules as lines, row by row.
fn path(code: &QrCode) -> String {
    let width = code.width();
    let colors = code.to_colors();
    let mut path = String::with_capacity(colors.len() * 2);
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        // Relative moves from one run to the next are shorter than places.
        let _ = write!(path, "M{MARGIN} {}.5", y + MARGIN);
        for run in row.chunk_by(|a, b| a == b) {
            let is_last = x + run.len() == width;
            if run[0] == Color::Dark {
                let _ = write!(path, "h{}", run.len());
            } else if !is_last {
                let _ = write!(path, "m{} 0", run.len());
            }
            x += run.len();
        }
    }
    path
}

/// Returns the text that a wallet reads from the code: the invoice in upper case, which QR codes hold in
/// fewer modules, behind a scheme in lower case, by which phones find a wallet.
pub(super) fn text(invoice: &str) -> String {
    format!("lightning:{}", invoice.to_ascii_uppercase())
}

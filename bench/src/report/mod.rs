//! From results to what people read.

mod rows;
mod svg;
mod table;

use std::path::Path;

use crate::error::{Result, While};
use crate::plan::Group;
use crate::results::Results;

pub(crate) use table::tables;

/// The page that holds the tables.
const PAGE: &str = "README.md";
const BEGIN: &str = "<!-- table -->";
const END: &str = "<!-- /table -->";

/// Writes tables into the page and a chart for each group.
///
/// # Errors
/// Where the folder cannot be written, or its page has no place for tables.
pub(crate) fn render(results: &Results, folder: &Path) -> Result<()> {
    let page = folder.join(PAGE);
    let text = match std::fs::read_to_string(&page) {
        Ok(text) => text,
        Err(_) => format!("# Benchmarks\n\n{BEGIN}\n{END}\n"),
    };
    let text = between_marks(&text, &tables(results)).while_doing(page.display())?;
    std::fs::write(&page, text).while_doing(page.display())?;
    for group in Group::ALL {
        let rows = rows::rows(results, group);
        if !rows.is_empty() {
            let path = folder.join(svg_name(group));
            std::fs::write(&path, svg::chart(group.title(), &rows)).while_doing(path.display())?;
        }
    }
    Ok(())
}

fn svg_name(group: Group) -> String {
    format!("{}.svg", group.word())
}

/// Replaces what stands between the marks.
fn between_marks(page: &str, tables: &str) -> Result<String, String> {
    let missing = || format!("it needs the lines {BEGIN} and {END}");
    let (before, rest) = page.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_what_is_outside_the_marks() {
        let page = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        let expected = format!("above\n{BEGIN}\nnew\n{END}\nbelow\n");
        assert_eq!(between_marks(&page, "new"), Ok(expected.clone()));
        assert_eq!(between_marks(&expected, "new"), Ok(expected));
    }

    #[test]
    fn a_page_without_marks_stays_as_it_is() {
        assert!(between_marks("above", "new").is_err());
        assert!(between_marks(BEGIN, "new").is_err());
    }

    #[test]
    fn renders_into_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        render(&rows::tests::results(), folder.path()).unwrap();
        let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read(PAGE).contains("![Paid"), "{}", read(PAGE));
        assert!(read("paid.svg").starts_with("<svg"));
    }
}

//! Finds the files that a file uses, by its `use` declarations and its other paths.

use std::collections::BTreeMap;

use crate::source::{Source, Token, tokens};

/// One file uses another.
#[derive(Debug)]
pub(crate) struct Arrow {
    /// The index of the file that uses.
    pub(crate) from: usize,
    /// The index of the file that is used.
    pub(crate) to: usize,
    /// The line in the file that uses.
    pub(crate) line: usize,
    /// The path from the root of the crate, as it was before re-exports were followed.
    pub(crate) path: String,
}

/// A path in a file.
struct Mention<'a> {
    line: usize,
    /// The module in which it stands.
    module: Vec<String>,
    path: Vec<&'a str>,
    /// The name that a `use` declaration gives it.
    name: Option<&'a str>,
}

/// Returns every arrow among the files of a crate. A name that a module re-exports is followed to
/// the file that it comes from, so that no arrow can hide behind the root of the crate.
pub(crate) fn arrows(sources: &[Source]) -> Vec<Arrow> {
    let mut index = Index::default();
    for (at, source) in sources.iter().enumerate() {
        index.modules.insert(&source.module, at);
    }
    let mut all = Vec::new();
    for (from, source) in sources.iter().enumerate() {
        for mention in mentions(&source.module, &tokens(&source.lines)) {
            let Some(path) = index.absolute(&mention) else {
                continue;
            };
            if let Some(name) = mention.name {
                index.names.insert((from, name.to_owned()), path.clone());
            }
            all.push((from, mention.line, path));
        }
    }
    all.into_iter()
        .filter_map(|(from, line, path)| {
            let to = index.file(&path, 0)?;
            let path = format!("crate::{}", path.join("::"));
            let arrow = |to| Arrow {
                from,
                to,
                line,
                path,
            };
            (from != to).then_some(to).map(arrow)
        })
        .collect()
}

#[derive(Default)]
struct Index<'a> {
    /// The file of each module.
    modules: BTreeMap<&'a [String], usize>,
    /// The path of each name that a file imports or re-exports.
    names: BTreeMap<(usize, String), Vec<String>>,
}

impl Index<'_> {
    /// The path from the root of the crate, or `None` for a path into another crate.
    fn absolute(&self, mention: &Mention<'_>) -> Option<Vec<String>> {
        let mut path = mention.module.clone();
        match mention.path[0] {
            "crate" => path.clear(),
            "self" | "super" => {}
            child => {
                path.push(child.to_owned());
                self.modules.get(&path[..])?;
                path.pop();
            }
        }
        for &step in &mention.path {
            match step {
                "crate" | "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        Some(path)
    }

    /// The file that defines what an absolute path names.
    fn file(&self, path: &[String], followed: usize) -> Option<usize> {
        let is_module = |len: &usize| self.modules.contains_key(&path[..*len]);
        let len = (0..=path.len()).rev().find(is_module)?;
        let file = self.modules[&path[..len]];
        let name = path.get(len).map(|name| (file, name.clone()));
        match name.and_then(|name| self.names.get(&name)) {
            // No chain of re-exports is that long: it leads back to itself.
            Some(_) if followed > 8 => Some(file),
            Some(target) => self.file(&[target, &path[len + 1..]].concat(), followed + 1),
            None => Some(file),
        }
    }
}

/// Every path of a `use` declaration, and every other path that begins with `crate`, `self` or
/// `super`.
fn mentions<'a>(module: &[String], tokens: &[Token<'a>]) -> Vec<Mention<'a>> {
    let word = |at: usize| tokens.get(at).map_or("", |&(_, token)| token);
    let mut found = Vec::new();
    // The modules that are written in the file itself, each with the depth of its brackets.
    let mut inner: Vec<(usize, &str)> = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while at < tokens.len() {
        let mut paths = Vec::new();
        let line = tokens[at].0;
        match word(at) {
            "mod" if word(at + 2) == "{" => inner.push((depth, word(at + 1))),
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inner.retain(|(outer, _)| *outer < depth);
            }
            // `use<'a>` in a type is no declaration.
            "use" if word(at + 1) != "<" => {
                at += 1;
                use_tree(tokens, &mut at, &[], &mut paths);
            }
            "crate" | "self" | "super" if word(at + 1) == "::" => {
                let mut path = vec![word(at)];
                while word(at + 1) == "::" && word(at + 2).starts_with(char::is_alphabetic) {
                    at += 2;
                    path.push(word(at));
                }
                paths.push((line, path, None));
            }
            _ => {}
        }
        at += 1;
        let inner = inner.iter().map(|(_, name)| (*name).to_owned());
        let here: Vec<_> = module.iter().cloned().chain(inner).collect();
        found.extend(paths.into_iter().map(|(line, path, name)| Mention {
            line,
            module: here.clone(),
            path,
            name,
        }));
    }
    found
}

/// A path of a `use` declaration: its line, its steps, and the name that it is imported as.
type UsePath<'a> = (usize, Vec<&'a str>, Option<&'a str>);

/// Reads `a::{b, c as d}` from `at` on, up to the `,`, `}` or `;` that ends it.
fn use_tree<'a>(
    tokens: &[Token<'a>],
    at: &mut usize,
    prefix: &[&'a str],
    found: &mut Vec<UsePath<'a>>,
) {
    let mut path = prefix.to_vec();
    let mut name = None;
    let line = tokens[*at].0;
    while let Some(&(_, token)) = tokens.get(*at) {
        match token {
            "," | "}" | ";" => break,
            "::" => {}
            "as" => {
                *at += 1;
                name = tokens.get(*at).map(|&(_, name)| name);
            }
            "{" => {
                while tokens.get(*at).is_some_and(|&(_, token)| token != "}") {
                    *at += 1;
                    use_tree(tokens, at, &path, found);
                }
                *at += 1;
                return;
            }
            step => path.push(step),
        }
        *at += 1;
    }
    // Nothing stands after a last comma.
    if path.len() == prefix.len() {
        return;
    }
    // `a::{self}` is `a`.
    if path.len() > 1 {
        path.pop_if(|last| *last == "self");
    }
    let name = name.or(path.last().copied());
    found.push((line, path, name));
}

//! The pattern of a route as a path template of OpenAPI.

use std::collections::HashMap;

/// A path template: `/files/{rest}` for `/files/{*rest}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) path: String,
    pub(super) parameters: Vec<Parameter>,
}

/// A parameter of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// Unique in its path.
    pub(super) name: String,
    /// True if it stands for all that is left of a path, slashes included.
    pub(super) is_rest: bool,
}

/// The templates of one document. Patterns that differ in the names of their parameters alone are
/// one path for OpenAPI, and share the template of the first.
#[derive(Debug, Default)]
pub(super) struct Templates(HashMap<String, Template>);

impl Templates {
    /// Returns the template of a pattern.
    pub(super) fn of(&mut self, pattern: &str) -> Template {
        let (pieces, end) = pieces(pattern);
        let shape = pieces.iter().fold(String::new(), |shape, piece| {
            let mark = if piece.is_rest { "{*}" } else { "{}" };
            shape + piece.before + mark
        }) + end;
        if let Some(known) = self.0.get(&shape) {
            return known.clone();
        }
        let mut template = Template::new(&pieces, end);
        // `/a/{x}` and `/a/{*x}` are two routes and would be one path.
        while self.0.values().any(|other| other.path == template.path) {
            for parameter in &mut template.parameters {
                parameter.name.push('_');
            }
            template.write(&pieces, end);
        }
        self.0.insert(shape, template.clone());
        template
    }
}

/// A parameter of a pattern, with the text before it.
struct Piece<'a> {
    before: &'a str,
    name: &'a str,
    is_rest: bool,
}

/// Splits a pattern into its parameters and the text behind the last one.
fn pieces(pattern: &str) -> (Vec<Piece<'_>>, &str) {
    let (mut pieces, mut rest) = (Vec::new(), pattern);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        let is_rest = name.starts_with('*');
        let name = name.trim_start_matches('*');
        pieces.push(Piece {
            before,
            name,
            is_rest,
        });
        rest = behind;
    }
    (pieces, rest)
}

impl Template {
    fn new(pieces: &[Piece<'_>], end: &str) -> Self {
        let mut parameters: Vec<Parameter> = Vec::new();
        for piece in pieces {
            let mut name = piece.name.to_owned();
            while parameters.iter().any(|other| other.name == name) {
                name.push('_');
            }
            let is_rest = piece.is_rest;
            parameters.push(Parameter { name, is_rest });
        }
        let mut template = Self {
            path: String::new(),
            parameters,
        };
        template.write(pieces, end);
        template
    }

    /// Writes the path with the names of the parameters.
    fn write(&mut self, pieces: &[Piece<'_>], end: &str) {
        let pairs = pieces.iter().zip(&self.parameters);
        let path = pairs.fold(String::new(), |path, (piece, parameter)| {
            path + piece.before + "{" + &parameter.name + "}"
        });
        self.path = path + end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_written_as_openapi_has_it() {
        let mut templates = Templates::default();
        let mut path = |pattern: &str| templates.of(pattern).path;
        assert_eq!(path("/joke"), "/joke");
        assert_eq!(path("/{*rest}"), "/{rest}");
        assert_eq!(path("/user/{id}/v{n}.json"), "/user/{id}/v{n}.json");
        assert_eq!(path("/a/{x}/b/{x}"), "/a/{x}/b/{x_}");
        // One path for OpenAPI, by whatever name.
        assert_eq!(path("/user/{name}/v{m}.json"), "/user/{id}/v{n}.json");
        // Two routes, of which one takes slashes.
        assert_eq!(path("/a/{x}"), "/a/{x}");
        assert_eq!(path("/a/{*x}"), "/a/{x_}");
    }
}

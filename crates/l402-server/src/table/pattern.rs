//! The pattern of a route as segments, for questions about two patterns at once.

/// A text that stands for a segment, or a part of one, of any name. No route and no request can
/// contain it.
pub(super) const ANY: &str = "\0";

/// The end of a literal, as upstreams see it: what follows one of these bytes is often dropped, or
/// is an argument (`/paid.py/x`, `/paid.json`, `/paid%20`, `/paid;x`, `/paid~1`, `/paid::$DATA`).
const BOUNDARIES: [u8; 6] = *b"/.%~;:";

/// Returns true if upstreams may take a name for ended before this byte.
pub(super) fn is_boundary(byte: u8) -> bool {
    BOUNDARIES.contains(&byte)
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    /// A parameter, with the text before and after it in its segment.
    Parameter {
        before: String,
        after: String,
    },
    /// `{*rest}`: all that is left, one segment or more. The only one may be empty.
    Rest,
}

/// The segments of a path pattern. A slash at the end makes the last segment empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Segment>);

impl Pattern {
    /// Reads a pattern that has been checked, such as `/files/{*rest}`.
    pub(super) fn of(path: &str) -> Self {
        let segments = path.strip_prefix('/').unwrap_or(path).split('/');
        Self(segments.map(Segment::of).collect())
    }

    /// Returns true if the pattern ends in a parameter for several segments.
    pub(super) fn has_rest(&self) -> bool {
        self.0.last() == Some(&Segment::Rest)
    }

    /// The number of segments.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The length in bytes of the longest text in a segment.
    pub(super) fn longest_text(&self) -> usize {
        let length = |segment: &Segment| match segment {
            Segment::Text(text) => text.len(),
            Segment::Parameter { before, after } => before.len() + after.len(),
            Segment::Rest => 0,
        };
        self.0.iter().map(length).max().unwrap_or_default()
    }

    /// Returns paths that both patterns match, each with [`ANY`] where any text will do. One for
    /// each number of segments up to `longest`, if both are open to several. Empty if no path
    /// matches both. If `fold`, upper and lower case are one, and texts stand as in this pattern.
    pub(super) fn meet(&self, other: &Self, longest: usize, fold: bool) -> Vec<String> {
        let Some((segments, open)) = meet(&self.0, &other.0, fold) else {
            return Vec::new();
        };
        let text = |more: &[&str]| {
            let all = segments
                .iter()
                .map(String::as_str)
                .chain(more.iter().copied());
            all.fold(String::new(), |path, segment| path + "/" + segment)
        };
        if !open {
            return vec![text(&[])];
        }
        // A route with fewer parameters may take short paths out of those that both match.
        let most = longest.saturating_sub(segments.len()).max(1);
        let lengths = (1..=most).map(|count| text(&vec![ANY; count]));
        [text(&[""])].into_iter().chain(lengths).collect()
    }

    /// Returns true if this pattern matches every path that the other one matches.
    pub(super) fn contains(&self, other: &Self) -> bool {
        contains(&self.0, &other.0)
    }

    /// Returns true if this pattern was written with the paths below the other in mind: it spells
    /// out all that the other does. So `/paid/{*rest}` names `/paid`, and `/{*rest}` does not. Upper
    /// and lower case are not told apart.
    pub(super) fn names(&self, other: &Self) -> bool {
        let other = other.without_slash();
        let Some((last, before)) = other.split_last() else {
            return false;
        };
        let pairs = self.0.iter().zip(before);
        pairs.clone().count() == before.len()
            && pairs.into_iter().all(|(mine, theirs)| mine.spells(theirs))
            && self
                .0
                .get(before.len())
                .is_some_and(|mine| mine.begins(last))
    }

    /// Returns the paths that belong to this pattern although it does not match them: those below
    /// it, and those with something behind its last name. Empty for a pattern with `{*rest}`.
    pub(super) fn below(&self) -> Vec<Self> {
        let own = self.without_slash();
        if self.has_rest() || own.is_empty() {
            return Vec::new();
        }
        let inside = [own, &[Segment::Rest]].concat();
        let longer = own.split_last().and_then(|(last, before)| match last {
            Segment::Text(text) => {
                let before_name = format!("{text}.");
                let longer = Segment::Parameter {
                    before: before_name,
                    after: String::new(),
                };
                Some([before, &[longer]].concat())
            }
            _ => None,
        });
        [Some(inside), longer]
            .into_iter()
            .flatten()
            .map(Self)
            .collect()
    }

    fn without_slash(&self) -> &[Segment] {
        match self.0.split_last() {
            Some((Segment::Text(last), before)) if last.is_empty() => before,
            _ => &self.0,
        }
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        let Some((before, after)) = text.split_once('{') else {
            return Self::Text(text.to_owned());
        };
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        if name.starts_with('*') {
            return Self::Rest;
        }
        Self::Parameter {
            before: before.to_owned(),
            after: after.to_owned(),
        }
    }

    /// Returns a text that matches.
    fn sample(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parameter { before, after } => format!("{before}{ANY}{after}"),
            Self::Rest => ANY.to_owned(),
        }
    }

    /// Returns a text that both match, with [`ANY`] where any will do. Neither is `Rest`.
    fn meet(&self, other: &Self, fold: bool) -> Option<String> {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => {
                starts(one, two, fold).filter(|rest| rest.is_empty())?;
                Some(one.clone())
            }
            (Self::Text(text), parameter) | (parameter, Self::Text(text)) => {
                let takes = match fold {
                    true => parameter.lower().takes(&text.to_ascii_lowercase()),
                    false => parameter.takes(text),
                };
                takes.then(|| text.clone())
            }
            (
                Self::Parameter { before, after },
                Self::Parameter {
                    before: other_before,
                    after: other_after,
                },
            ) => {
                // A text has both starts only if one of them begins with the other. So too with the ends.
                let start = longer(before, other_before, |long, short| {
                    starts(long, short, fold).is_some()
                })?;
                let end = longer(after, other_after, |long, short| {
                    let end = long.get(long.len() - short.len()..);
                    end.is_some_and(|end| starts(end, short, fold).is_some())
                })?;
                Some(format!("{start}{ANY}{end}"))
            }
            (Self::Rest, _) | (_, Self::Rest) => None,
        }
    }

    /// Returns the segment in lower case.
    fn lower(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.to_ascii_lowercase()),
            Self::Parameter { before, after } => Self::Parameter {
                before: before.to_ascii_lowercase(),
                after: after.to_ascii_lowercase(),
            },
            Self::Rest => Self::Rest,
        }
    }

    /// Returns true if the text matches.
    fn takes(&self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == text,
            Self::Parameter { before, after } => {
                text.len() > before.len() + after.len()
                    && text.starts_with(before.as_str())
                    && text.ends_with(after.as_str())
            }
            Self::Rest => true,
        }
    }

    /// Returns true if this segment, which is not `Rest`, matches all that the other one matches.
    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Text(text)) => self.takes(text),
            (
                Self::Parameter { before, after },
                Self::Parameter {
                    before: other_before,
                    after: other_after,
                },
            ) => other_before.starts_with(before.as_str()) && other_after.ends_with(after.as_str()),
            (_, Self::Parameter { .. } | Self::Rest) => false,
        }
    }

    /// Returns true if this segment is as exact as the other one that it stands for.
    fn spells(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(mine), Self::Text(theirs)) => mine.eq_ignore_ascii_case(theirs),
            (Self::Parameter { .. } | Self::Rest, Self::Text(_)) => false,
            (mine, _) => *mine != Self::Rest,
        }
    }

    /// Returns true if this segment spells out the other one, perhaps with more behind it.
    fn begins(&self, other: &Self) -> bool {
        let (Self::Parameter { before: mine, .. } | Self::Text(mine), Self::Text(theirs)) =
            (self, other)
        else {
            return self.spells(other);
        };
        let start = mine.get(..theirs.len());
        let rest = mine.as_bytes().get(theirs.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(theirs))
            && (rest.map_or(self.spells(other), |next| is_boundary(*next)))
    }
}

/// Returns what is behind a beginning of a text.
fn starts<'a>(text: &'a str, start: &str, fold: bool) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(start.len())?;
    let same = found == start || (fold && found.eq_ignore_ascii_case(start));
    same.then_some(rest)
}

/// Returns the longer of two texts if it fits the shorter.
fn longer<'a>(one: &'a str, two: &'a str, fits: impl Fn(&str, &str) -> bool) -> Option<&'a str> {
    let (long, short) = if one.len() < two.len() {
        (two, one)
    } else {
        (one, two)
    };
    fits(long, short).then_some(long)
}

/// Returns the segments of a path that both match, and true if any number may follow.
fn meet(one: &[Segment], two: &[Segment], fold: bool) -> Option<(Vec<String>, bool)> {
    match (one, two) {
        ([], []) => Some((Vec::new(), false)),
        ([Segment::Rest], [Segment::Rest]) => Some((Vec::new(), true)),
        ([Segment::Rest], other @ [_, ..]) | (other @ [_, ..], [Segment::Rest]) => {
            let open = other.last() == Some(&Segment::Rest);
            let closed = &other[..other.len() - usize::from(open)];
            Some((closed.iter().map(Segment::sample).collect(), open))
        }
        ([first, one @ ..], [second, two @ ..]) => {
            let (rest, open) = meet(one, two, fold)?;
            let mut segments = vec![first.meet(second, fold)?];
            segments.extend(rest);
            Some((segments, open))
        }
        _ => None,
    }
}

fn contains(outer: &[Segment], inner: &[Segment]) -> bool {
    match (outer, inner) {
        ([], []) | ([Segment::Rest], [_, ..]) => true,
        ([first, outer @ ..], [second, inner @ ..]) => {
            first.contains(second) && contains(outer, inner)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meeting(one: &str, two: &str) -> Vec<String> {
        let paths = Pattern::of(one).meet(&Pattern::of(two), 3, false);
        assert_eq!(paths, Pattern::of(two).meet(&Pattern::of(one), 3, false));
        paths
            .into_iter()
            .map(|path| path.replace(ANY, "_"))
            .collect()
    }

    #[test]
    fn two_patterns_meet_in_the_paths_that_both_match() {
        assert_eq!(meeting("/a", "/a"), ["/a"]);
        assert_eq!(meeting("/a", "/b"), [""; 0]);
        assert_eq!(meeting("/a", "/a/"), [""; 0]);
        assert_eq!(meeting("/{x}/gold", "/paid/{*rest}"), ["/paid/gold"]);
        assert_eq!(meeting("/{*rest}", "/paid/{id}"), ["/paid/_"]);
        assert_eq!(meeting("/a/{*r}", "/{*r}"), ["/a/", "/a/_", "/a/_/_"]);
        assert_eq!(meeting("/v{x}", "/{y}.json"), ["/v_.json"]);
        assert_eq!(meeting("/v{x}", "/v1"), ["/v1"]);
        assert_eq!(meeting("/v{x}", "/w{x}"), [""; 0]);
        assert_eq!(meeting("/v{x}", "/v"), [""; 0]);
    }

    #[test]
    fn a_pattern_contains_what_is_more_specific() {
        for (outer, inner, expected) in [
            ("/{*rest}", "/a/b", true),
            ("/{*rest}", "/", true),
            ("/{x}/b", "/a/b", true),
            ("/{x}", "/v{y}", true),
            ("/v{x}", "/{y}", false),
            ("/a/{*rest}", "/{x}/b", false),
            ("/a/b", "/a/{*rest}", false),
            ("/a/{x}", "/a/{*rest}", false),
        ] {
            let (outer, inner) = (Pattern::of(outer), Pattern::of(inner));
            assert_eq!(outer.contains(&inner), expected, "{outer:?} {inner:?}");
        }
    }

    #[test]
    fn a_pattern_names_another_if_it_spells_it_out() {
        for (free, priced, expected) in [
            ("/{*rest}", "/paid", false),
            ("/paid/{*rest}", "/paid", true),
            ("/PAID/{*rest}", "/paid", true),
            ("/paid.{ext}", "/paid", true),
            ("/paid{x}", "/paid", false),
            ("/{a}/{b}", "/paid", false),
            ("/paid/{a}/{b}", "/paid/{id}", true),
            ("/paid/{*rest}", "/paid/{id}", false),
            ("/paid/x", "/paid/", true),
        ] {
            let named = Pattern::of(free).names(&Pattern::of(priced));
            assert_eq!(named, expected, "{free} {priced}");
        }
    }
}

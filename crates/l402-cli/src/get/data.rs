//! The flags of curl that give data: `-d` and its kin, in the order in which they were written.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::escaped::percent_encoded;

/// The data of one flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A text, as it is sent.
    Text(Vec<u8>),
    /// The content of a file, behind a text.
    File {
        before: Vec<u8>,
        name: String,
        change: Change,
    },
}

/// The change that the content of a file goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Line ends are left out, as in a form.
    DropLineEnds,
    Nothing,
    PercentEncode,
}

/// A flag: its name, a short name, the help, and the reading of its value.
type Flag = (&'static str, Option<char>, &'static str, fn(&str) -> Piece);

const FLAGS: [Flag; 4] = [
    (
        "data",
        Some('d'),
        "Send this as a form; @FILE reads a file, @- stdin; several are joined with &",
        plain,
    ),
    (
        "data-binary",
        None,
        "As -d, and the line ends of a file stay",
        binary,
    ),
    ("data-raw", None, "As -d, and @ has no meaning", raw),
    (
        "data-urlencode",
        None,
        "As -d, percent-encoded: TEXT, =TEXT, NAME=TEXT, @FILE or NAME@FILE",
        url_encoded,
    ),
];

/// What the data flags say, in the order of the command line.
#[derive(Clone, Debug, Default)]
pub(super) struct DataArgs {
    pub(super) pieces: Vec<Piece>,
}

// By hand: the derived form forgets in which order different flags came, and curl keeps it.
impl Args for DataArgs {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .iter()
            .fold(command, |command, (name, short, help, _)| {
                let arg = Arg::new(*name)
                    .long(*name)
                    .value_name("DATA")
                    .help(*help)
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true)
                    .conflicts_with("json");
                let arg = match short {
                    // curl's older name of -d.
                    Some(short) => arg.short(*short).alias("data-ascii"),
                    None => arg,
                };
                command.arg(arg)
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for DataArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut found = Vec::new();
        for (name, _, _, read) in FLAGS {
            let at = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<String>(name).into_iter().flatten();
            found.extend(at.zip(values).map(|(at, value)| (at, read(value))));
        }
        found.sort_by_key(|(at, _)| *at);
        let pieces = found.into_iter().map(|(_, piece)| piece).collect();
        Ok(Self { pieces })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl DataArgs {
    pub(super) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

impl Piece {
    /// Reads the value of a flag that takes a text or `@FILE`.
    pub(super) fn text_or_file(value: &str, change: Change) -> Self {
        match value.strip_prefix('@') {
            Some(name) => Self::file(String::new(), name, change),
            None => raw(value),
        }
    }

    fn file(before: String, name: &str, change: Change) -> Self {
        Self::File {
            before: before.into_bytes(),
            name: name.to_owned(),
            change,
        }
    }

    /// Returns true if it reads stdin.
    pub(super) fn reads_stdin(&self) -> bool {
        matches!(self, Self::File { name, .. } if name == "-")
    }
}

fn plain(value: &str) -> Piece {
    Piece::text_or_file(value, Change::DropLineEnds)
}

fn binary(value: &str) -> Piece {
    Piece::text_or_file(value, Change::Nothing)
}

fn raw(value: &str) -> Piece {
    Piece::Text(value.as_bytes().to_vec())
}

/// Of `=` and `@` the first `=` decides, and the first `@` only if there is no `=`.
fn url_encoded(value: &str) -> Piece {
    let name = |name: &str| match name {
        "" => String::new(),
        name => format!("{name}="),
    };
    if let Some((before, text)) = value.split_once('=') {
        let encoded = percent_encoded(text.as_bytes());
        return raw(&(name(before) + &encoded));
    }
    match value.split_once('@') {
        Some((before, file)) => Piece::file(name(before), file, Change::PercentEncode),
        None => raw(&percent_encoded(value.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(line: &[&str]) -> Vec<Piece> {
        let command = DataArgs::augment_args(Command::new("get").arg(Arg::new("json")));
        let line = std::iter::once(&"get").chain(line);
        let matches = command.get_matches_from(line);
        DataArgs::from_arg_matches(&matches).unwrap().pieces
    }

    #[test]
    fn the_order_of_different_flags_is_kept() {
        let line = [
            "--data-raw",
            "@1",
            "-d",
            "2",
            "--data-binary",
            "3",
            "-d",
            "4",
        ];
        let texts = ["@1", "2", "3", "4"].map(raw);
        assert_eq!(pieces(&line), texts);
    }

    #[test]
    fn each_form_of_urlencode_is_read_as_curl_reads_it() {
        for (value, piece) in [
            ("a b&c", raw("a+b%26c")),
            ("=a=b", raw("a%3Db")),
            ("n=a@b", raw("n=a%40b")),
            ("n@a=b", raw("n@a=b")),
            ("@f", Piece::file(String::new(), "f", Change::PercentEncode)),
            ("n@f", Piece::file("n=".into(), "f", Change::PercentEncode)),
            ("é~-._", raw("%C3%A9~-._")),
        ] {
            assert_eq!(pieces(&["--data-urlencode", value]), [piece], "{value}");
        }
    }
}

//! The messages of a gRPC service, as `prost` would make them of
//!
//! ```proto
//! package jokes;
//! service Jokes {
//!   rpc Tell(Ask) returns (Joke);
//!   rpc TellAll(Ask) returns (stream Joke);
//! }
//! message Ask { string about = 1; }
//! message Joke { string text = 1; }
//! ```

use prost::Message;

/// The path of the method with one answer.
pub const TELL: &str = "/jokes.Jokes/Tell";

/// The path of the method with a stream of answers.
pub const TELL_ALL: &str = "/jokes.Jokes/TellAll";

/// A question.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Ask {
    /// The subject of the joke.
    #[prost(string, tag = "1")]
    pub about: String,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Joke {
    /// The joke.
    #[prost(string, tag = "1")]
    pub text: String,
}

//! Steps of a purchase at which a test build dies as if it were killed.
//!
//! Only with the feature `failpoints`, and only without optimisation, is there anything here.
//! Whoever runs the process says where it ends; this crate reads no environment.

/// A step of a purchase, named after what was done last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The intent is in its transaction, which is not committed.
    IntentWritten,
    /// The intent is durable.
    IntentDurable,
    /// That the wallet is asked is durable; it was not asked.
    AskedDurable,
    /// The wallet has answered; what it said is written nowhere.
    Asked,
    /// The proof is durable; the credential was not presented.
    PaidDurable,
    /// The answer was had to its end; it is written nowhere.
    Answered,
}

#[cfg(feature = "failpoints")]
pub use armed::arm;
#[cfg(feature = "failpoints")]
pub(crate) use armed::hit;

/// Does nothing: the process was built to live.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn hit(_step: Step) {}

#[cfg(feature = "failpoints")]
mod armed {
    use std::process::Command;
    use std::sync::OnceLock;

    use super::Step;

    #[cfg(not(debug_assertions))]
    compile_error!("failpoints are for tests: build without optimisation, or without them");

    static ARMED: OnceLock<Step> = OnceLock::new();

    /// Every step, by the name that a test uses.
    const NAMES: [(&str, Step); 6] = [
        ("intent-written", Step::IntentWritten),
        ("intent-durable", Step::IntentDurable),
        ("asked-durable", Step::AskedDurable),
        ("asked", Step::Asked),
        ("paid-durable", Step::PaidDurable),
        ("answered", Step::Answered),
    ];

    /// Lets this process die when it comes to the step of this name. `false` if there is none,
    /// or if one is armed already.
    #[must_use]
    pub fn arm(name: &str) -> bool {
        let step = NAMES.iter().find(|(known, _)| *known == name);
        step.is_some_and(|(_, step)| ARMED.set(*step).is_ok())
    }

    pub(crate) fn hit(step: Step) {
        if ARMED.get() == Some(&step) {
            die();
        }
    }

    /// Nothing is flushed, closed or dropped. What other threads do meanwhile is theirs.
    fn die() -> ! {
        let id = std::process::id().to_string();
        // If there is no such program, the end is as sudden, and only the signal another.
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        std::process::abort()
    }
}

//! Steps of a purchase at which a test build dies as if it were killed.
//!
//! Without the feature `failpoints`, nothing here does anything. The program that runs the test chooses the
//! step; this crate reads no environment.

/// A step of a purchase, named after what was done last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The intent is in its transaction, which is not committed.
    IntentWritten,
    /// The intent is durable.
    IntentDurable,
    /// The journal says that the wallet was asked, durably; it has not been asked.
    AskedDurable,
    /// The wallet has answered; its answer is not written yet.
    Asked,
    /// The proof is durable; the credential was not presented.
    PaidDurable,
    /// The answer was read to its end; the journal does not say so yet.
    Answered,
}

#[cfg(feature = "failpoints")]
pub use armed::arm;
#[cfg(feature = "failpoints")]
pub(crate) use armed::hit;

/// Does nothing in a build without the feature.
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

    /// Chooses the step at which this process dies. Returns false if there is no step of this name,
    /// or if one is chosen already.
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

    /// Kills this process. Nothing is flushed, closed or dropped.
    fn die() -> ! {
        // A panic would run destructors, which roll transactions back; a crash runs none.
        let id = std::process::id().to_string();
        // If there is no such program, the end is as sudden, and only the signal another.
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        std::process::abort()
    }
}

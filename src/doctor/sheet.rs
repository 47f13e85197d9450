//! The steps as they are tried: what is told of each, and the first error.

use crate::error::{Error, Report};
use crate::output::doctor::{Facts, Name, Status, Step};

/// Steps in their order, and the first error among them.
#[derive(Default)]
pub(super) struct Sheet {
    steps: Vec<Step>,
    first: Option<Error>,
}

impl Sheet {
    pub(super) fn ok(&mut self, step: Name, facts: Facts) {
        self.steps.push(Step { facts: Some(facts), ..bare(step, Status::Ok) });
    }

    /// A run would go on; `about` says why somebody should know.
    pub(super) fn warn(&mut self, step: Name, facts: Facts, about: impl Into<String>, hint: &str) {
        let (cause, hint) = (Some(about.into()), Some(hint.to_owned()));
        self.steps.push(Step { facts: Some(facts), cause, hint, ..bare(step, Status::Warning) });
    }

    pub(super) fn skip(&mut self, step: Name, because: &str) {
        let cause = Some(format!("because {because}"));
        self.steps.push(Step { cause, ..bare(step, Status::NotTried) });
    }

    /// What was not tried although this is known of it.
    pub(super) fn skip_knowing(&mut self, step: Name, facts: Facts, because: &str) {
        self.skip(step, because);
        if let Some(last) = self.steps.last_mut() {
            last.facts = Some(facts);
        }
    }

    pub(super) fn fail(&mut self, step: Name, facts: Option<Facts>, error: impl Into<Error>) {
        let error = Error::Examined(Box::new(error.into()));
        let report = error.report();
        self.steps.push(Step {
            facts,
            error: Some(report.what().to_owned()),
            cause: report.why().map(str::to_owned),
            hint: report.advice().map(str::to_owned),
            ..bare(step, Status::Failed)
        });
        self.first.get_or_insert(error);
    }

    pub(super) fn has_failed(&self, step: Name) -> bool {
        self.steps.iter().any(|tried| tried.step == step && tried.status == Status::Failed)
    }

    /// Puts the steps of another one behind its own.
    pub(super) fn add(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.first = self.first.take().or(other.first);
    }

    pub(super) fn told(self) -> (Vec<Step>, Option<Error>) {
        (self.steps, self.first)
    }
}

/// Whether a failure is one of the PIN's, and not of the device that holds it.
pub(super) fn is_of_the_pin(error: &crate::signer::Error) -> bool {
    use crate::signer::Error as Device;
    use crate::wire::Failure;
    match error {
        Device::Device(Failure::Lock { .. } | Failure::Lockout { .. }) => true,
        error => Report::of_device(error).code() == crate::error::Class::Pin as u8,
    }
}

fn bare(step: Name, status: Status) -> Step {
    Step { step, status, facts: None, error: None, cause: None, hint: None }
}

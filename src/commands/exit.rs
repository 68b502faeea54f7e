//! Exit codes, and what is said on the way out.

use std::fmt;
use std::process::ExitCode;

use crate::admin::AdminError;
use crate::app::AppError;
use crate::app::operator::Refusal;
use crate::config::Mistakes;

/// How a command ended that did what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Done,
    /// 1: done, but something needs a look.
    NeedsALook,
    /// 69: done as far as it went, but the API could not be reached.
    Unavailable,
}

/// Why a command could not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// 2: it was used wrongly.
    Usage(String),
    /// 69: the API, the store or the service cannot be reached.
    Unavailable(String),
    /// 78: the configuration is wrong.
    Config(Mistakes),
    /// 78: the configuration does not fit what is stored.
    Misfit(String),
    /// 0, silently: whoever read the results has seen enough, as in `leadhook dead list | head`.
    EnoughRead,
}

/// 70: a bug of ours.
pub const BUG: u8 = 70;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::NeedsALook => 1,
            Exit::Unavailable => 69,
        })
    }
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Usage(_) => 2,
            Failure::Unavailable(_) => 69,
            Failure::Config(_) | Failure::Misfit(_) => 78,
            Failure::EnoughRead => 0,
        })
    }

    /// 69, with this said.
    pub fn unavailable(why: impl fmt::Display) -> Failure {
        Failure::Unavailable(why.to_string())
    }

    /// 2, with this said.
    pub fn usage(why: impl fmt::Display) -> Failure {
        Failure::Usage(why.to_string())
    }

    /// What is said on standard error.
    pub fn render(&self, color: bool) -> String {
        match self {
            Failure::Usage(why) | Failure::Unavailable(why) | Failure::Misfit(why) => format!("leadhook: {why}"),
            Failure::Config(mistakes) => mistakes.render(color),
            Failure::EnoughRead => String::new(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Usage(why) => Failure::Usage(why),
            Refusal::Unavailable(why) => Failure::Unavailable(why),
            Refusal::File(mistakes) => Failure::Config(mistakes),
            Refusal::Misfit(why) => Failure::Misfit(why),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Failure {
        match &error {
            AppError::Store(store) if store.is_about_the_file() => Failure::Misfit(error.to_string()),
            _ => Failure::unavailable(error),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Failure {
        Failure::unavailable(error)
    }
}

impl From<std::io::Error> for Failure {
    // Standard output or input: files are opened where more is known of them.
    fn from(error: std::io::Error) -> Failure {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Failure::EnoughRead } else { Failure::unavailable(error) }
    }
}

//! Mistakes that an operator or a driver of the lab can make.

use ops_coordinator_excerpt::{LONG, excerpt};

use crate::name::{NotAUnitName, UnitName};

/// Why the lab refused a request. Nothing has changed when one of these is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The text is no unit name.
    #[error(transparent)]
    BadUnitName(#[from] NotAUnitName),
    /// The text cannot name an application.
    #[error("\"{}\" is not an application name", excerpt(.0))]
    BadApplicationName(String),
    /// The text is no Juju version.
    #[error("\"{}\" is not a Juju version", excerpt(.0))]
    BadVersion(String),
    /// The version is older or newer than those whose behaviour the lab knows.
    #[error("Juju {} is not supported", excerpt(.0))]
    UnknownVersion(String),
    /// An application of that name exists.
    #[error("application \"{}\" is already deployed", excerpt(.0))]
    ApplicationExists(String),
    /// No application of that name exists.
    #[error("application \"{}\" is not deployed", excerpt(.0))]
    NoApplication(String),
    /// No such unit exists (any more).
    #[error("unit {0} does not exist (or no longer does)")]
    NoUnit(UnitName),
    /// The charm declares no such peer endpoint.
    #[error(
        "application \"{}\" has no peer endpoint \"{}\"; known: {}",
        excerpt(application),
        excerpt(endpoint),
        excerpt(known).up_to(LONG)
    )]
    NoEndpoint {
        /// The application.
        application: String,
        /// The endpoint that was asked for.
        endpoint: String,
        /// The peer endpoints that exist, comma separated.
        known: String,
    },
    /// A new revision of the charm lacks an endpoint that is in use.
    #[error(
        "cannot upgrade application \"{0}\": would break relation \"{0}:{1}\"",
        excerpt(application),
        excerpt(endpoint)
    )]
    BreaksRelation {
        /// The application.
        application: String,
        /// The endpoint that the new revision lacks.
        endpoint: String,
    },
    /// The charm declares no such option.
    #[error(
        "application \"{}\" has no option \"{}\"; known: {}",
        excerpt(application),
        excerpt(option),
        excerpt(known).up_to(LONG)
    )]
    NoOption {
        /// The application.
        application: String,
        /// The option that was asked for.
        option: String,
        /// The options that exist, comma separated.
        known: String,
    },
    /// The value is of another type than the charm declares.
    #[error(
        "option \"{}\" takes a {expected}, not {}",
        excerpt(option),
        excerpt(got)
    )]
    BadOptionValue {
        /// The option.
        option: String,
        /// The type that the charm declares.
        expected: &'static str,
        /// What was given, as JSON.
        got: String,
    },
    /// The charm declares no such action.
    #[error(
        "application \"{}\" has no action \"{}\"; known: {}",
        excerpt(application),
        excerpt(action),
        excerpt(known).up_to(LONG)
    )]
    NoAction {
        /// The application.
        application: String,
        /// The action that was asked for.
        action: String,
        /// The actions that exist, comma separated.
        known: String,
    },
    /// The unit runs no hook that could be killed.
    #[error("{0} has no running hook to kill")]
    NothingToKill(UnitName),
    /// The driver has no means to do it: some deeds make sense only in virtual time, others only with real processes.
    #[error("{0} is not possible here")]
    NotHere(&'static str),
    /// The unit's state does not allow the request.
    #[error("unit {unit}: {reason}")]
    NotNow {
        /// The unit.
        unit: UnitName,
        /// Why not, as a phrase.
        reason: &'static str,
    },
}

impl LabError {
    /// What is valid instead, where a text could not be read.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::BadUnitName(_) => Some("a unit name is APPLICATION/NUMBER, as in app/0"),
            Self::BadApplicationName(_) => {
                Some("an application name is lower-case words joined by '-'")
            }
            Self::BadVersion(_) => Some("a version is MAJOR.MINOR.PATCH, as in 3.6.9"),
            Self::UnknownVersion(_) => Some("the lab imitates Juju 2.9 to 4.x"),
            _ => None,
        }
    }
}

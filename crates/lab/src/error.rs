//! What an operator or a driver of the lab can get wrong.

use crate::name::UnitName;

/// Why the lab refused a request. Nothing has changed when one of these is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The text is no unit name.
    #[error("{0:?} is not a unit name; expected APPLICATION/NUMBER, such as app/0")]
    BadUnitName(String),
    /// The text cannot name an application.
    #[error("{0:?} is not an application name; use lower-case words joined by '-'")]
    BadApplicationName(String),
    /// The text is no Juju version.
    #[error("{0:?} is not a Juju version; expected MAJOR.MINOR.PATCH, such as 3.6.9")]
    BadVersion(String),
    /// The version is older or newer than those whose behaviour the lab knows.
    #[error("Juju {0} is not supported; the lab supports 2.9 to 4.x")]
    UnknownVersion(String),
    /// An application of that name exists.
    #[error("application {0:?} is already deployed")]
    ApplicationExists(String),
    /// No application of that name exists.
    #[error("application {0:?} is not deployed")]
    NoApplication(String),
    /// No such unit exists (any more).
    #[error("unit {0} does not exist (or no longer does)")]
    NoUnit(UnitName),
    /// The charm declares no such peer endpoint.
    #[error("application {application:?} has no peer endpoint {endpoint:?}; known: {known}")]
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
        "cannot upgrade application {application:?}: would break relation \"{application}:{endpoint}\""
    )]
    BreaksRelation {
        /// The application.
        application: String,
        /// The endpoint that the new revision lacks.
        endpoint: String,
    },
    /// The charm declares no such option.
    #[error("application {application:?} has no option {option:?}; known: {known}")]
    NoOption {
        /// The application.
        application: String,
        /// The option that was asked for.
        option: String,
        /// The options that exist, comma separated.
        known: String,
    },
    /// The value is of another type than the charm declares.
    #[error("option {option:?} takes a {expected}, not {got}")]
    BadOptionValue {
        /// The option.
        option: String,
        /// The type that the charm declares.
        expected: &'static str,
        /// What was given, as JSON.
        got: String,
    },
    /// The charm declares no such action.
    #[error("application {application:?} has no action {action:?}; known: {known}")]
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

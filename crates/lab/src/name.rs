//! Names of the things in a model: units, contexts, relations.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ops_coordinator_excerpt::excerpt;
use serde::{Deserialize, Serialize};

/// A unit's name, `application/number`. Ordered by application, then by number (not as text).
///
/// Cheap to clone: the application's name is shared.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct UnitName {
    application: Arc<str>,
    number: u32,
}

impl UnitName {
    /// The unit of `application` with this number. The name is taken as it is; to check text from
    /// outside, parse it.
    pub fn new(application: impl Into<Arc<str>>, number: u32) -> Self {
        Self {
            application: application.into(),
            number,
        }
    }

    /// The name of the unit's application.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// The unit's number within its application.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The name as file names carry it: `app-0` for `app/0`.
    pub fn dashed(&self) -> String {
        format!("{}-{}", self.application, self.number)
    }

    /// Another unit of the same application.
    pub(crate) fn sibling(&self, number: u32) -> Self {
        Self {
            application: Arc::clone(&self.application),
            number,
        }
    }
}

/// The text is no unit name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is not a unit name", excerpt(.0))]
pub struct NotAUnitName(pub String);

impl Ord for UnitName {
    // Written out because nearly all comparisons are between units of one application, which share its name.
    fn cmp(&self, other: &Self) -> Ordering {
        let same = Arc::ptr_eq(&self.application, &other.application);
        let first = if same {
            Ordering::Equal
        } else {
            self.application.cmp(&other.application)
        };
        first.then_with(|| self.number.cmp(&other.number))
    }
}

impl PartialOrd for UnitName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for UnitName {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for UnitName {}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.number)
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for UnitName {
    type Error = NotAUnitName;

    fn try_from(text: String) -> Result<Self, NotAUnitName> {
        text.parse()
    }
}

impl FromStr for UnitName {
    type Err = NotAUnitName;

    /// Parses `application/number`.
    ///
    /// # Errors
    /// [`NotAUnitName`] when the text has another shape.
    fn from_str(text: &str) -> Result<Self, NotAUnitName> {
        let bad = || NotAUnitName(text.to_owned());
        let (application, number) = text.split_once('/').ok_or_else(bad)?;
        if !is_application_name(application) || (number.len() > 1 && number.starts_with('0')) {
            return Err(bad());
        }
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        Ok(Self::new(application, number.parse().map_err(|_| bad())?))
    }
}

/// Whether the text can name an application: lower-case words joined by `-`, each with a letter in it.
pub fn is_application_name(text: &str) -> bool {
    let word = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && part.bytes().any(|b| b.is_ascii_lowercase())
    };
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(word)
}

/// The id of one running hook, action or command: `JUJU_CONTEXT_ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContextId(pub String);

impl ContextId {
    /// The unit that the id claims to belong to, if the id has the shape of one that the lab makes.
    pub fn unit(&self) -> Option<UnitName> {
        let slash = self.0.find('/')?;
        let end = self.0[slash..].find('-')? + slash;
        self.0[..end].parse().ok()
    }
}

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A relation's number in the model; tools print it as `endpoint:number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelationId(pub u32);

impl fmt::Display for RelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_ordered_by_number_not_by_text() {
        let two: UnitName = "app/2".parse().unwrap();
        let ten: UnitName = "app/10".parse().unwrap();
        assert!(two < ten);
    }

    #[test]
    fn a_unit_name_of_another_shape_is_refused() {
        for text in [
            "app", "app/", "/1", "app/01", "app/-1", "app/+1", "App/1", "app-1/1", "app/1/2",
        ] {
            assert!(text.parse::<UnitName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_context_id_names_its_unit() {
        let id = ContextId("my-app/12-config-changed-00ff".to_owned());
        assert_eq!(id.unit(), Some(UnitName::new("my-app", 12)));
        assert_eq!(ContextId("nonsense".to_owned()).unit(), None);
    }
}

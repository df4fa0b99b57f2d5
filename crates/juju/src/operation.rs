//! The payload of a request: services to restart, and a context that the charm gets back.

use ops_coordinator_core::{Call, Payload};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::service::ServiceName;

/// The largest context of a request, in bytes of compact JSON.
pub const CONTEXT_MAX: usize = 16 * 1024;

/// The payload of a request. It stays on the unit's own disk; no other unit needs it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What the operation is called where it is not called like its lock; `status` shows it on every unit.
    #[serde(skip)]
    pub name: Option<String>,
    /// A value that the charm gets back when its turn comes.
    #[serde(default)]
    pub context: Value,
    /// The services to restart, in this order.
    #[serde(default)]
    pub services: Vec<ServiceName>,
    /// Whether the payload was lost with the journal that held it.
    #[serde(skip)]
    pub lost: bool,
}

impl Operation {
    /// An operation with a context of bounded size.
    ///
    /// # Errors
    /// [`Error::ContextTooLarge`].
    pub fn new(context: Value, services: Vec<ServiceName>) -> Result<Self, Error> {
        let size = context.to_string().len();
        if size > CONTEXT_MAX {
            return Err(Error::ContextTooLarge {
                size,
                limit: CONTEXT_MAX,
            });
        }
        Ok(Self {
            context,
            services,
            ..Self::default()
        })
    }

    /// The same operation under a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// One operation for two requests that share a turn: the services of both, and the newer context if
    /// there is one.
    #[must_use]
    pub fn join(mut self, newer: Self) -> Self {
        self.name = newer.name.or(self.name);
        self.lost |= newer.lost;
        if !newer.context.is_null() {
            self.context = newer.context;
        }
        for service in newer.services {
            if !self.services.contains(&service) {
                self.services.push(service);
            }
        }
        self
    }

    /// A campaign in which each unit is given this operation.
    pub fn to_call(&self, reason: impl Into<String>) -> Call {
        Call {
            reason: reason.into(),
            operation: self.name.clone(),
            payload: self.to_payload().value,
        }
    }

    /// What is stored of it: nothing if there is nothing to know but that a turn is wanted.
    pub(crate) fn to_payload(&self) -> Payload {
        let once = Self::default().join(self.clone());
        let says_something = !once.context.is_null() || !once.services.is_empty();
        Payload {
            value: serde_json::to_value(once).ok().filter(|_| says_something),
            lost: self.lost,
        }
    }

    /// The operation that a payload describes, as far as it can be read.
    pub(crate) fn from_payload(payload: Payload) -> Self {
        let read = payload
            .value
            .and_then(|value| serde_json::from_value(value).ok());
        Self {
            lost: payload.lost,
            ..read.unwrap_or_default()
        }
    }
}

/// One payload for two requests that share a turn.
pub(crate) fn join_payloads(older: Value, newer: Value) -> Value {
    let read = |value: Value| serde_json::from_value::<Operation>(value).unwrap_or_default();
    serde_json::to_value(read(older).join(read(newer))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_requests_that_share_a_turn_lose_neither_service() {
        let operation = |context, services: &[&str]| {
            let services = services.iter().map(|name| name.parse().unwrap()).collect();
            Operation::new(context, services).unwrap()
        };
        let first = operation(json!({"generation": 1}), &["db", "web"]);
        let joined = first
            .clone()
            .join(operation(json!({"generation": 2}), &["web", "cache"]));
        assert_eq!(
            joined,
            operation(json!({"generation": 2}), &["db", "web", "cache"])
        );
        assert_eq!(first.clone().join(operation(Value::Null, &[])), first);
    }

    #[test]
    fn a_context_over_the_limit_is_refused_with_the_limit() {
        let error = Operation::new(json!("x".repeat(CONTEXT_MAX)), Vec::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the context is 16386 bytes of JSON; the maximum is 16384"
        );
    }
}

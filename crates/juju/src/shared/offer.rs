//! What the etcd charm says in its relation, by the interface `etcd_client`.
//!
//! Version 0 of the interface has the keys beside each other in the databag of the application. Version 1, which the
//! requirer chooses, has a list of answers, one for each of its requests.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::SharedLock;

/// Where etcd is, and how one knows that it is etcd.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) endpoints: Vec<String>,
    pub(super) authority: Authority,
}

/// Who has signed the servers' certificates.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Authority {
    /// The servers have none.
    None,
    /// This one, in PEM.
    Plain(String),
    /// The one in this secret.
    Secret(String),
}

/// The key of a secret that holds the authority.
pub(super) const AUTHORITY: &str = "tls-ca";

impl Offer {
    /// What a databag offers to those who have asked for this prefix.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn read(databag: &BTreeMap<String, String>, prefix: &str) -> Result<Self, String> {
        let Some(answers) = databag.get("requests") else {
            return Self::of(|key| databag.get(key).map(String::as_str));
        };
        let answers: Vec<Map<String, Value>> =
            serde_json::from_str(answers).map_err(|_| "its answer cannot be read".to_owned())?;
        let asked = |answer: &&Map<String, Value>| answer.get("resource") == Some(&prefix.into());
        let answer = match answers.as_slice() {
            [] => return Err("etcd has not answered yet".to_owned()),
            [only] => only,
            several => several
                .iter()
                .find(asked)
                .ok_or_else(|| format!("etcd has not answered for the prefix {prefix}"))?,
        };
        Self::of(|key| answer.get(key).and_then(Value::as_str))
    }

    fn of<'a>(said: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let endpoints = SharedLock::endpoints_in(said("endpoints").unwrap_or_default());
        if endpoints.is_empty() {
            return Err("etcd has not said where it is".to_owned());
        }
        let authority = match (said(AUTHORITY), said("secret-tls")) {
            (Some(pem), _) => Authority::Plain(pem.to_owned()),
            (None, Some(secret)) => Authority::Secret(secret.to_owned()),
            (None, None) if endpoints.iter().all(|one| one.starts_with("http://")) => {
                Authority::None
            }
            (None, None) => return Err("etcd has not said who signs its certificates".to_owned()),
        };
        Ok(Self {
            endpoints,
            authority,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(databag: &[(&str, &str)]) -> Result<Offer, String> {
        let databag = databag.iter().map(|(key, value)| (*key, *value));
        let databag = databag.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Offer::read(&databag.collect(), "/locks/")
    }

    fn offer(endpoints: &[&str], authority: Authority) -> Offer {
        Offer {
            endpoints: endpoints.iter().map(|&one| one.to_owned()).collect(),
            authority,
        }
    }

    #[test]
    fn version_zero_has_its_keys_beside_each_other() {
        let read_one = read(&[
            ("endpoints", "10.0.0.1:2379,10.0.0.2:2379"),
            ("secret-tls", "secret:abc"),
            ("secret-user", "secret:def"),
            ("version", "3.6.5"),
        ]);
        let secret = Authority::Secret("secret:abc".to_owned());
        assert_eq!(
            read_one.unwrap(),
            offer(&["10.0.0.1:2379", "10.0.0.2:2379"], secret)
        );
        let plain = read(&[("endpoints", "e"), ("tls-ca", "PEM")]);
        assert_eq!(
            plain.unwrap(),
            offer(&["e"], Authority::Plain("PEM".to_owned()))
        );
    }

    #[test]
    fn version_one_has_an_answer_for_each_request() {
        let one = r#"{"resource":"/other/","endpoints":"a","secret-tls":"secret:a","salt":"x"}"#;
        let two = r#"{"resource":"/locks/","endpoints":"b","secret-tls":"secret:b"}"#;
        let answers = |list: &str| read(&[("version", "v1"), ("requests", list)]);
        let secret = |name: &str| Authority::Secret(name.to_owned());
        assert_eq!(
            answers(&format!("[{one},{two}]")).unwrap(),
            offer(&["b"], secret("secret:b"))
        );
        assert_eq!(
            answers(&format!("[{one}]")).unwrap(),
            offer(&["a"], secret("secret:a")),
            "the only one"
        );
        for (list, said) in [
            ("[]", "etcd has not answered yet"),
            ("{", "its answer cannot be read"),
        ] {
            assert_eq!(answers(list), Err(said.to_owned()));
        }
        let foreign = format!("[{one},{one}]");
        let said = "etcd has not answered for the prefix /locks/";
        assert_eq!(answers(&foreign), Err(said.to_owned()));
    }

    #[test]
    fn what_is_not_complete_is_no_offer_and_only_what_says_http_needs_no_authority() {
        let missing = |databag: &[(&str, &str)]| read(databag).unwrap_err();
        assert_eq!(missing(&[]), "etcd has not said where it is");
        assert_eq!(
            missing(&[("endpoints", "10.0.0.1:2379")]),
            "etcd has not said who signs its certificates"
        );
        let clear = read(&[("endpoints", "http://10.0.0.1:2379")]);
        assert_eq!(
            clear.unwrap(),
            offer(&["http://10.0.0.1:2379"], Authority::None)
        );
    }
}

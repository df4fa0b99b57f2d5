//! What an application asks of the etcd charm in its relation, by version 0 of the interface `etcd_client`.
//!
//! It says the same as `EtcdRequires` of the library `data_interfaces` (version 0, patch 59) does, and `dpcharmlibs-interfaces`
//! 1.2.2, which the etcd charm uses today, understands it.

use std::collections::BTreeMap;

use ops_coordinator_core::RelationId;

/// The key under which the application notes for itself which secret holds its key. Only its leaders can read that.
const OWN: &str = "ops-coordinator-secret";
/// The secret that holds the certificate.
const SECRET: &str = "secret-mtls";
/// The certificate in a secret, and in the databag where no secret can be granted.
pub(super) const CERTIFICATE: &str = "mtls-cert";
/// How much of the application's name a common name has: X.509 allows 64 characters, and the model's id has 36.
const NAME_MAX: usize = 20;

/// How the etcd charm gets the certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// From a secret that was granted to the relation.
    Secret(String),
    /// As it is. It is no secret, and Juju lets nobody grant one to the model that offers.
    Plain(String),
}

/// What an application has asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// What all keys begin with.
    pub(super) prefix: String,
    /// The secret with its key, which the etcd charm may not read.
    pub(super) secret: String,
}

impl Demand {
    /// What is in the application's own databag; `None` if nothing was asked yet.
    ///
    /// # Errors
    /// Somebody else has asked.
    pub(super) fn read(databag: &BTreeMap<String, String>) -> Result<Option<Self>, String> {
        let said = |key: &str| databag.get(key).filter(|value| !value.is_empty()).cloned();
        if let (Some(prefix), Some(secret)) = (said("prefix"), said(OWN)) {
            return Ok(Some(Self { prefix, secret }));
        }
        let mut foreign = [SECRET, CERTIFICATE, "prefix", "requests"].into_iter();
        match foreign.find(|key| databag.contains_key(*key)) {
            Some(key) => Err(format!(
                "the charm has asked for access itself ({key}); its cert and key belong into the declaration"
            )),
            None => Ok(None),
        }
    }

    /// What goes into the databag.
    pub(super) fn to_databag(&self, proof: &Proof) -> BTreeMap<String, String> {
        let mut databag = BTreeMap::new();
        let mut say = |key: &str, value: &str| {
            databag.insert(key.to_owned(), value.to_owned());
        };
        say("prefix", &self.prefix);
        say(
            "requested-secrets",
            r#"["username", "uris", "tls", "tls-ca"]"#,
        );
        say(OWN, &self.secret);
        match proof {
            Proof::Secret(uri) => {
                say("provided-secrets", r#"["mtls-cert"]"#);
                say(SECRET, uri);
            }
            Proof::Plain(pem) => say(CERTIFICATE, pem),
        }
        databag
    }
}

/// The name by which etcd knows an application: it takes the user from the certificate. A relation that is made anew brings
/// another one, because etcd may still know the old one.
pub(super) fn common_name(application: &str, relation: &RelationId, model: &str) -> String {
    let application: String = application.chars().take(NAME_MAX).collect();
    format!("{application}-{}-{model}", relation.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand() -> Demand {
        Demand {
            prefix: "/locks/".to_owned(),
            secret: "secret:key".to_owned(),
        }
    }

    #[test]
    fn in_its_own_model_the_etcd_charm_gets_the_certificate_in_a_secret() {
        let databag = demand().to_databag(&Proof::Secret("secret:cert".to_owned()));
        let said: Vec<_> = databag
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        let wanted = [
            ("ops-coordinator-secret", "secret:key"),
            ("prefix", "/locks/"),
            ("provided-secrets", r#"["mtls-cert"]"#),
            (
                "requested-secrets",
                r#"["username", "uris", "tls", "tls-ca"]"#,
            ),
            ("secret-mtls", "secret:cert"),
        ];
        assert_eq!(said, wanted);
        assert_eq!(Demand::read(&databag), Ok(Some(demand())));
    }

    #[test]
    fn in_another_model_it_gets_the_certificate_as_it_is() {
        let databag = demand().to_databag(&Proof::Plain("PEM".to_owned()));
        assert_eq!(databag.get("mtls-cert").map(String::as_str), Some("PEM"));
        assert!(!databag.contains_key("secret-mtls"));
        assert!(!databag.contains_key("provided-secrets"));
        assert_eq!(Demand::read(&databag), Ok(Some(demand())));
    }

    #[test]
    fn what_the_charm_has_asked_itself_is_left_alone() {
        let databag = |key: &str| BTreeMap::from([(key.to_owned(), "x".to_owned())]);
        assert_eq!(Demand::read(&BTreeMap::new()), Ok(None));
        // The library stores what it has last seen.
        assert_eq!(Demand::read(&databag("data")), Ok(None));
        for key in ["secret-mtls", "mtls-cert", "prefix", "requests"] {
            let why = Demand::read(&databag(key)).unwrap_err();
            assert!(why.contains(key), "{why}");
        }
    }

    #[test]
    fn a_common_name_is_of_one_relation_and_no_longer_than_a_certificate_allows() {
        let model = "deadbeef-1bad-500d-9000-4b1d0d06f00d";
        let name = |application, id: &str| {
            common_name(application, &RelationId::new(id.to_owned()), model)
        };
        assert_eq!(name("db", "etcd:9"), format!("db-9-{model}"));
        assert_ne!(name("db", "etcd:9"), name("db", "etcd:10"));
        let long = name(&"a".repeat(60), "etcd:12345");
        assert!(long.len() <= 64, "{long}");
    }
}

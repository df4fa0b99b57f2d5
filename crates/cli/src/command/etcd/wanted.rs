//! What a unit wants in etcd, as etcd's line has it.

use std::time::Duration;

use ops_coordinator_etcd::{Client, Config, Endpoint, Error, PREFIX, Tls, Wish, survey};
use ops_coordinator_juju::SharedLock;

use super::status::ordinal;

/// The cluster of a lock, or why it cannot be used.
pub(super) fn client(lock: &SharedLock) -> Result<Client, String> {
    let tls = Tls {
        cacert: lock.cacert.clone(),
        cert: lock.cert.clone(),
        key: lock.key.clone(),
    };
    let endpoints: Result<Vec<Endpoint>, _> =
        lock.endpoints.iter().map(|text| text.parse()).collect();
    let endpoints = endpoints.map_err(|error| error.to_string())?;
    Client::new(Config::new(endpoints, tls)).map_err(|error| error.to_string())
}

/// A place in the line of a lock, for somebody of this name.
pub(super) fn wish(lock: &SharedLock, who: String) -> Wish {
    let prefix = lock.prefix.clone();
    Wish {
        prefix: prefix.unwrap_or_else(|| PREFIX.to_owned()),
        lock: lock.name.clone(),
        limit: lock.limit,
        ttl: Duration::from_secs(lock.ttl),
        who,
    }
}

/// How a unit is named in etcd.
pub(super) fn who(unit: &str) -> String {
    match std::env::var("JUJU_MODEL_NAME") {
        Ok(model) if !model.is_empty() => format!("{unit} in {model}"),
        _ => unit.to_owned(),
    }
}

/// Who is ahead of this token, in words; `None` if nobody is.
pub(super) async fn ahead(
    client: &Client,
    wish: &Wish,
    token: i64,
) -> Result<Option<String>, Error> {
    let queues = survey(client, &wish.prefix, Some(&wish.lock)).await?;
    let entries = queues.into_iter().flat_map(|queue| queue.entries);
    let ahead: Vec<_> = entries.filter(|entry| entry.token < token).collect();
    Ok(ahead.last().map(|next| {
        let waiting = ahead.iter().filter(|entry| !entry.holds).count();
        let place = ordinal(u32::try_from(waiting).unwrap_or(u32::MAX).saturating_add(1));
        let who = next.who.as_deref().unwrap_or("somebody");
        format!("{place} in line, behind {who}")
    }))
}

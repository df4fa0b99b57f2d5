//! `ops-coordinator certificate`: a client's certificate for etcd.
//!
//! A hook whose unit leads calls it once for each relation with the etcd charm, and puts what it prints into a secret.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::Certified;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::command::CommandError;
use crate::output::say;

/// Make a key, and a client's certificate that it has signed itself; print both.
#[derive(Debug, Args)]
pub(crate) struct CertificateArgs {
    /// Its common name, from which etcd takes the user
    name: String,
}

/// Runs `ops-coordinator certificate`.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn run(args: &CertificateArgs) -> Result<ExitCode, CommandError> {
    let made = certified(&args.name).map_err(CommandError::failed)?;
    say(serde_json::to_string(&made).map_err(CommandError::failed)?);
    Ok(ExitCode::SUCCESS)
}

fn certified(name: &str) -> Result<Certified, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // The etcd charm takes none that does not say that it is no authority.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    // A new relation brings a new one. One that runs out brings a standstill, and a clock that is wrong brings one today.
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    Ok(Certified {
        certificate: params.self_signed(&key)?.pem(),
        key: key.serialize_pem(),
    })
}

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use clap::Args;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use zeroize::Zeroizing;

use crate::cli::{key, say};
use crate::clock;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Write cert.pem and key.pem into this directory, which is made if need be
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// How long it is good for
    #[arg(long, value_name = "N", default_value_t = 730, value_parser = clap::value_parser!(u32).range(1..=7300))]
    days: u32,
    /// Host names and addresses by which clients connect
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// A certificate and what people need to know of it.
struct Made {
    certificate: String,
    key: Zeroizing<String>,
    fingerprint: String,
    ends: DateTime<Utc>,
}

pub(super) fn create(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { out, days, names } = arguments;
    let made = make(names, TimeDelta::days((*days).into()), clock::now())?;
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| out.join(name));
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the directory {}", out.display()))?;
    write(&made, &certificate, &key)?;
    say(page(&made, names, &certificate, &key))
}

fn make(names: &[String], life: TimeDelta, now: DateTime<Utc>) -> anyhow::Result<Made> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.iter().map(|name| subject(name)).collect::<anyhow::Result<_>>()?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(first) = names.iter().find(|name| name.len() <= LONGEST_COMMON_NAME) {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let ends = now + life;
    // A day earlier: clocks of devices are late.
    let [begins, ends_at] = [now - TimeDelta::days(1), ends].map(date);
    params.not_before = date_time_ymd(begins.0, begins.1, begins.2);
    params.not_after = date_time_ymd(ends_at.0, ends_at.1, ends_at.2);
    let key = KeyPair::generate().context("cannot make a key")?;
    let certificate = params.self_signed(&key).context("cannot make the certificate")?;
    let digest = digest(&SHA256, certificate.der());
    let fingerprint = digest.as_ref().iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":");
    Ok(Made { certificate: certificate.pem(), key: Zeroizing::new(key.serialize_pem()), fingerprint, ends })
}

/// X.520, ub-common-name.
const LONGEST_COMMON_NAME: usize = 64;

/// Year, month and day: rcgen's own way to make a time.
fn date(at: DateTime<Utc>) -> (i32, u8, u8) {
    let [month, day] = [at.month(), at.day()].map(|part| u8::try_from(part).unwrap_or(1));
    (at.year(), month, day)
}

fn subject(name: &str) -> anyhow::Result<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    ensure!(is_host(name), "{name:?} is no host name or address; names with other letters are written as xn--…");
    Ok(SanType::DnsName(name.try_into().with_context(|| format!("{name:?}"))?))
}

/// A name as certificates bear it; its first part may be a star.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Both files or neither.
fn write(made: &Made, certificate: &Path, key: &Path) -> anyhow::Result<()> {
    for path in [certificate, key] {
        if path.symlink_metadata().is_ok() {
            bail!("{} is there already and is not overwritten; move it away, or name another --out", path.display());
        }
    }
    let cannot = |path: &Path| format!("cannot make {}", path.display());
    key::create(key, made.key.trim_end()).with_context(|| cannot(key))?;
    if let Err(fault) = key::create(certificate, made.certificate.trim_end()) {
        // The reason is told, not this.
        drop(std::fs::remove_file(key));
        return Err(fault).with_context(|| cannot(certificate));
    }
    Ok(())
}

fn page(made: &Made, names: &[String], certificate: &Path, key: &Path) -> String {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (certificate, key) = (absolute(certificate), absolute(key));
    let quoted = |path: &Path| serde_json::Value::from(path.display().to_string()).to_string();
    format!(
        "Made {certificate} and {key}.
For: {names}
Good until: {ends}
SHA-256 fingerprint: {fingerprint}

Into the configuration:

[tls]
certificate = {certificate_quoted}
key         = {key_quoted}

Clients have to trust it, each in its own way:
- a program that shows a certificate and asks: compare the fingerprint, then accept it for ever;
- a program or device with a list of trusted certificates: give it {certificate} (never the key);
- OpenSSL, curl, PHP: name {certificate} as CA file (--cacert, ssl.cafile, SSL_CERT_FILE).
They have to connect by one of its names. One that an authority has signed can take its place at any time, without a restart.",
        certificate = certificate.display(),
        key = key.display(),
        names = names.join(", "),
        ends = made.ends.format("%Y-%m-%d"),
        fingerprint = made.fingerprint,
        certificate_quoted = quoted(&certificate),
        key_quoted = quoted(&key),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> anyhow::Result<Made> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        make(&names, TimeDelta::days(730), clock::now())
    }

    #[test]
    fn the_certificate_is_a_server_s_and_nothing_more() {
        use x509_parser::prelude::GeneralName;
        let made = made(&["mail.example.com", "192.0.2.7", "2001:db8::7"]).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(made.certificate.as_bytes()).unwrap();
        let certificate = pem.parse_x509().unwrap();
        assert!(!certificate.basic_constraints().unwrap().unwrap().value.ca);
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth && !usage.any);
        assert!(certificate.validity().is_valid());
        let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
        let (v4, v6): (&[u8], &[u8]) = (&[192, 0, 2, 7], &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        let wanted = [GeneralName::DNSName("mail.example.com"), GeneralName::IPAddress(v4), GeneralName::IPAddress(v6)];
        assert_eq!(names, &wanted);
        assert_eq!(made.fingerprint.len(), 32 * 3 - 1);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "mail example", "müller.example", "-a.example", "*.", "a..example", "https://mail.example"] {
            assert!(made(&[name]).is_err(), "{name:?}");
        }
        for name in ["printers", "*.example.com", "a_b.example", "xn--mller-kva.example"] {
            assert!(made(&[name]).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn nothing_is_overwritten_and_half_a_pair_is_not_left() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        let made = made(&["localhost"]).unwrap();
        std::fs::write(&certificate, "mine").unwrap();
        let refused = write(&made, &certificate, &key).unwrap_err().to_string();
        assert!(refused.contains("cert.pem is there already") && !key.exists(), "{refused}");
        std::fs::remove_file(&certificate).unwrap();
        write(&made, &certificate, &key).unwrap();
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        crate::net::ServerCertificate::load(&certificate, &key).unwrap();
    }
}

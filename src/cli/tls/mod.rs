//! `gatepost tls …`, and the certificate of the running service.

mod create;
mod watch;

use clap::Subcommand;

pub(super) use watch::watch;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a certificate that signs itself, for a start
    #[command(
        after_help = "It is for one server and cannot sign others. Clients have to be told to trust it: what it prints says how.\nMakes cert.pem and key.pem (ECDSA P-256, mode 0600); never overwrites.\n\nExample:\n  gatepost tls create --out tls mail.example.com 192.0.2.7"
    )]
    Create(create::Arguments),
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Create(arguments) => create::create(arguments),
    }
}

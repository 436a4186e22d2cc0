# Net::SMTP, Net::POP3 and Mail::IMAPClient: sends the message of its standard input, and leaves what it reads in FILE.
#   perl.pl FILE
use strict; use warnings;
use IO::Socket::SSL; use Mail::IMAPClient; use Net::POP3; use Net::SMTP;
my ($tls, $user, $password, $mailbox, $ca) = @ENV{qw(GP_TLS GP_USER GP_PASSWORD GP_MAILBOX GP_CA)};
my @ssl = (SSL_ca_file => $ca);
my $implicit = $tls eq 'implicit';
my $message = do { local $/; <STDIN> };

my $smtp = Net::SMTP->new('localhost', Port => $ENV{GP_SMTP}, SSL => $implicit, @ssl) or die "SMTP: $@";
if ($tls eq 'starttls') { $smtp->starttls(@ssl) or die 'STARTTLS' }
$smtp->auth($user, $password) or die 'AUTH: ' . $smtp->message;
$smtp->mail($mailbox) && $smtp->to($mailbox) && $smtp->data($message) or die $smtp->message;
$smtp->quit;

open my $out, '>', $ARGV[0] or die $!;
my $pop = Net::POP3->new('localhost', Port => $ENV{GP_POP3}, SSL => $implicit, @ssl) or die "POP3: $@";
if ($tls eq 'starttls') { $pop->starttls(@ssl) or die 'STLS' }
defined $pop->login($user, $password) or die 'POP3 login: ' . $pop->message;
print $out "POP3\n", @{ $pop->get(1) };
$pop->quit;

my $imap = Mail::IMAPClient->new(Server => 'localhost', Port => $ENV{GP_IMAP}, User => $user, Password => $password, Uid => 1,
  $implicit ? (Ssl => [@ssl]) : $tls eq 'starttls' ? (Starttls => [@ssl]) : ()) or die "IMAP: $@";
$imap->examine('INBOX') or die $imap->LastError;
print $out "IMAP\n", $imap->message_string(($imap->messages)[0]);
$imap->logout;

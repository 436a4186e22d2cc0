# Ruby's net/smtp, net/imap and net/pop: sends the message of its standard input, and leaves what it reads in FILE.
#   ruby.rb FILE
require 'net/imap'
require 'net/pop'
require 'net/smtp'
tls, user, password, mailbox, ca = %w[TLS USER PASSWORD MAILBOX CA].map { |name| ENV.fetch("GP_#{name}") }
context = OpenSSL::SSL::SSLContext.new
context.set_params(ca_file: ca)

smtp = Net::SMTP.new('localhost', ENV['GP_SMTP'].to_i)
case tls
when 'implicit' then smtp.enable_tls(context)
when 'starttls' then smtp.enable_starttls(context)
else smtp.disable_starttls
end
smtp.start('client.example.test', user, password, :login) { |session| session.send_message($stdin.read, mailbox, mailbox) }

File.open(ARGV[0], 'w') do |out|
  imap = Net::IMAP.new('localhost', port: ENV['GP_IMAP'].to_i, ssl: tls == 'implicit' && { ca_file: ca })
  imap.starttls({ ca_file: ca }) if tls == 'starttls'
  imap.authenticate('PLAIN', user, password)
  imap.examine('INBOX')
  out.write("IMAP\n", imap.fetch(1, 'BODY.PEEK[]')[0].attr['BODY[]'])
  imap.logout
  next if tls == 'starttls' # net/pop has none

  pop = Net::POP3.new('localhost', ENV['GP_POP3'].to_i)
  pop.enable_ssl(OpenSSL::SSL::VERIFY_PEER, ca) if tls == 'implicit'
  pop.start(user, password) { |session| out.write("POP3\n", session.mails[0].pop) }
end

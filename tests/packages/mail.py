"""What programs do with the installed service: mail.py IMAP_PORT USER PASSWORD   (SMTP at 1587, POP3 at 1110)."""
import imaplib, poplib, smtplib, sys

port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
message = "From: support@example.com\r\nTo: support@example.com\r\nSubject: installed\r\n\r\nIt works.\r\n"

smtp = smtplib.SMTP("127.0.0.1", 1587, timeout=120)
smtp.login(user, password)
smtp.sendmail("support@example.com", ["support@example.com"], message)
smtp.quit()

imap = imaplib.IMAP4("127.0.0.1", port, timeout=120)
imap.login(user, password)
imap.select("INBOX")
found = imap.fetch("1", "(BODY[])")[1][0][1].decode()
assert found.endswith("It works.\r\n"), found
imap.logout()

pop3 = poplib.POP3("127.0.0.1", 1110, timeout=120)
pop3.user(user)
pop3.pass_(password)
assert b"It works." in pop3.retr(1)[1]
pop3.quit()

try:
    smtplib.SMTP("127.0.0.1", 1587, timeout=120).login(user, "not the password")
    sys.exit("a wrong password was taken")
except smtplib.SMTPAuthenticationError as refusal:
    assert refusal.smtp_code == 535, refusal

"""Programs behind the balancer.
  mail.py once USER PASSWORD       each door once: a login, and a message or the inbox
  mail.py pages USER PASSWORD      the pages' first
  mail.py on USER PASSWORD         IMAP, POP3 and SMTP logins one after the other, until standard input ends; fails with the first that fails
"""
import imaplib, poplib, select, smtplib, ssl, sys, urllib.request

HOST, PATIENCE = "mail.example.com", 120
deed, user, password = sys.argv[1:]
trust = ssl.create_default_context(cafile="/etc/ssl/mail.pem")
message = "From: support@example.com\r\nTo: support@example.com\r\nSubject: replicas\r\n\r\nIt works.\r\n"


def smtp(port, implicit=False, send=True):
    if implicit:
        server = smtplib.SMTP_SSL(HOST, port, timeout=PATIENCE, context=trust)
    else:
        server = smtplib.SMTP(HOST, port, timeout=PATIENCE)
        server.starttls(context=trust)
    server.login(user, password)
    if send:
        server.sendmail("support@example.com", ["support@example.com"], message)
    server.quit()


def imap(port, implicit=False):
    if implicit:
        server = imaplib.IMAP4_SSL(HOST, port, ssl_context=trust, timeout=PATIENCE)
    else:
        server = imaplib.IMAP4(HOST, port, timeout=PATIENCE)
        server.starttls(trust)
    server.login(user, password)
    assert server.select("INBOX")[0] == "OK"
    server.logout()


def pop3(port, implicit=False):
    if implicit:
        server = poplib.POP3_SSL(HOST, port, timeout=PATIENCE, context=trust)
    else:
        server = poplib.POP3(HOST, port, timeout=PATIENCE)
        server.stls(trust)
    server.user(user)
    server.pass_(password)
    server.stat()
    server.quit()


def pages():
    """The first is asked for without TLS, and leads there."""
    with urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust)).open(f"http://{HOST}/", timeout=PATIENCE) as answer:
        assert answer.url.startswith(f"https://{HOST}/") and b"assword" in answer.read(), answer.url


def once():
    for port in 25, 587:
        smtp(port)
    smtp(465, implicit=True)
    imap(143)
    imap(993, implicit=True)
    pop3(110)
    pop3(995, implicit=True)


def on():
    count = 0
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        imap(993, implicit=True)
        pop3(110)
        smtp(587, send=False)
        count += 3
        # Whoever waits for them counts lines.
        print(count, flush=True)


{"once": once, "pages": pages, "on": on}[deed]()

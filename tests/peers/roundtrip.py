"""Python's own smtplib, imaplib and poplib through Gatepost: what is sent is read back by both, byte for byte.

roundtrip.py TLS SMTP_PORT IMAP_PORT POP3_PORT USER PASSWORD MAILBOX CA    (TLS: none, starttls, implicit)"""
import imaplib, poplib, smtplib, ssl, sys, time, uuid

tls, smtp_port, imap_port, pop3_port, user, password, mailbox, ca = sys.argv[1:]
poplib._MAXLINE = 100_000  # its own limit is below the lines that mail may have
context = ssl.create_default_context(cafile=ca)
HOST = 'localhost'


def smtp():
    s = smtplib.SMTP_SSL(HOST, int(smtp_port), context=context, timeout=60) if tls == 'implicit' else smtplib.SMTP(HOST, int(smtp_port), timeout=60)
    if tls == 'starttls':
        s.starttls(context=context)
    s.login(user, password)
    return s


def imap():
    m = imaplib.IMAP4_SSL(HOST, int(imap_port), ssl_context=context, timeout=60) if tls == 'implicit' else imaplib.IMAP4(HOST, int(imap_port), timeout=60)
    if tls == 'starttls':
        m.starttls(ssl_context=context)
    m.login(user, password)
    return m


def pop3():
    p = poplib.POP3_SSL(HOST, int(pop3_port), context=context, timeout=60) if tls == 'implicit' else poplib.POP3(HOST, int(pop3_port), timeout=60)
    if tls == 'starttls':
        p.stls(context=context)
    p.user(user)
    p.pass_(password)
    return p


bodies = {
    'dots': b'.\r\n..\r\n.x\r\n\r\n.\r\nend.\r\n',
    '8-bit': 'Grüße, ñ, 漢字\r\n'.encode() + bytes(range(128, 256)) + b'\r\n',
    'long line': b'x' * 5000 + b'\r\n' + b'y' * 998 + b'\r\n',
    'empty': b'',
    'blank lines': b'\r\n' * 7,
    'large': b''.join(b'%08d .................................................................\r\n' % i for i in range(20000)),
}
expected = {}
with smtp() as s:
    for name, body in bodies.items():
        mark = uuid.uuid4().hex
        head = f'From: {mailbox}\r\nTo: {mailbox}\r\nSubject: {mark}\r\nDate: Sat, 21 Nov 2026 07:00:00 +0000\r\nMessage-ID: <{mark}@example.test>\r\n\r\n'
        expected[mark] = (name, head.encode() + body)
        options = ['BODY=8BITMIME'] if name == '8-bit' else []
        s.sendmail(mailbox, [mailbox], expected[mark][1], mail_options=options)

m = imap()
m.select('INBOX')
for mark, (name, content) in expected.items():
    for _ in range(300):
        m.noop()
        found = m.search(None, 'SUBJECT', mark)[1][0].split()
        if found:
            break
        time.sleep(0.1)
    assert found, f'{name}: not delivered'
    fetched = m.fetch(found[0], '(BODY.PEEK[])')[1][0][1]
    # Postfix and Dovecot put their own headers in front; everything behind them is ours.
    assert fetched.endswith(content), f'{name}: IMAP brought other bytes: {fetched[-200:]!r} instead of {content[-200:]!r}'
# APPEND carries a literal: nothing is put in front of that one.
appended = f'Subject: {uuid.uuid4().hex}\r\n\r\n.appended\r\n'.encode() + bytes(range(128, 256)) + b'\r\n'
status, answer = m.append('INBOX', None, None, appended)
assert status == 'OK', answer
m.noop()
fetched = m.fetch(m.search(None, 'ALL')[1][0].split()[-1], '(BODY.PEEK[])')[1][0][1]
assert fetched == appended, f'APPEND: IMAP brought other bytes: {fetched!r}'
m.logout()

p = pop3()
seen = set()
for number in range(1, len(p.list()[1]) + 1):
    fetched = b''.join(line + b'\r\n' for line in p.retr(number)[1])
    for mark, (name, content) in expected.items():
        if f'Subject: {mark}'.encode() in fetched:
            assert fetched.endswith(content), f'{name}: POP3 brought other bytes: {fetched[-200:]!r}'
            seen.add(mark)
p.quit()
assert seen == set(expected), f'POP3 lacks {[expected[mark][0] for mark in set(expected) - seen]}'

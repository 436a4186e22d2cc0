"""What the matrix of mail programs is measured with: Python's own modules, through Gatepost by the same kind of TLS.

check.py body MARK                a text that tells its own beginning, dots and end
check.py message MARK             the same with headers
check.py send MARK                hands that message in
check.py delivered MARK           waits for the message and compares its text
check.py holds MARK FILE...       one of the files, or directories of files, holds the whole text"""
import email, imaplib, os, smtplib, ssl, sys, time

tls, user, password, mailbox = (os.environ['GP_' + name] for name in ('TLS', 'USER', 'PASSWORD', 'MAILBOX'))
context = ssl.create_default_context(cafile=os.environ['GP_CA'])
verb, mark, *paths = sys.argv[1:]
body = f'.leading dot\n.\n..two dots\n\nend-of-{mark}\n'
if mark.endswith('-dotless'):  # for programs that cannot
    body = body.replace('.', '')
message = f'From: {mailbox}\nTo: {mailbox}\nSubject: {mark}\n\n{body}'


def server(name, plain, implicit, **options):
    port = int(os.environ['GP_' + name])
    made = implicit('localhost', port, timeout=30, **options) if tls == 'implicit' else plain('localhost', port, timeout=30)
    if tls == 'starttls':
        made.starttls(**{'context' if name == 'SMTP' else 'ssl_context': context})
    made.login(user, password)
    return made


def delivered():
    imap = server('IMAP', imaplib.IMAP4, imaplib.IMAP4_SSL, ssl_context=context)
    imap.select('INBOX', readonly=True)
    for _ in range(200):
        imap.noop()
        for number in imap.search(None, 'SUBJECT', mark)[1][0].split():
            content = email.message_from_bytes(imap.fetch(number, '(BODY.PEEK[])')[1][0][1])
            text = next(part for part in content.walk() if not part.is_multipart()).get_payload(decode=True).replace(b'\r\n', b'\n')
            return text.rstrip() == body.encode().rstrip() or sys.exit(f'other text: {text!r}')
        time.sleep(0.1)
    sys.exit(f'not delivered: {mark}')


def holds():
    for path in paths:
        files = [os.path.join(at, name) for at, _, names in os.walk(path) for name in names] if os.path.isdir(path) else [path]
        for file in filter(os.path.isfile, files):
            if body.encode() in open(file, 'rb').read().replace(b'\r\n', b'\n'):
                return
    sys.exit(f'{paths} do not hold {mark}')


if verb == 'body':
    print(body, end='')
elif verb == 'message':
    print(message, end='')
elif verb == 'send':
    with server('SMTP', smtplib.SMTP, smtplib.SMTP_SSL, context=context) as smtp:
        smtp.sendmail(mailbox, [mailbox], message.replace('\n', '\r\n').encode())
elif verb == 'delivered':
    delivered()
elif verb == 'holds':
    holds()

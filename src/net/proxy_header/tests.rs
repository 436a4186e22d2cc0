use super::*;

const LONGEST: usize = 4096;

/// What comes of a stream that arrives in pieces, and how much of it was read.
fn fed(stream: &[u8], piece: usize) -> (Result<Option<SocketAddr>, HeaderFault>, usize) {
    let mut header = ProxyHeader::new(LONGEST);
    let mut at = 0;
    loop {
        match header.step() {
            Ok(HeaderStep::Read(most)) => {
                assert!(most > 0);
                let next = (at + most.min(piece)).min(stream.len());
                assert!(next > at, "the stream has ended at {at}, and {most} are missing");
                header.push(&stream[at..next]);
                at = next;
            }
            Ok(HeaderStep::Done(client)) => return (Ok(client), at),
            Err(fault) => return (Err(fault), at),
        }
    }
}

/// The same for every size of the pieces; what stands behind the header is never read.
#[track_caller]
fn told(header: &[u8]) -> Option<String> {
    let stream = [header, b"\x16\x03\x01EHLO me\r\n"].concat();
    let (client, read) = fed(&stream, usize::MAX);
    assert_eq!(read, header.len());
    for piece in 1..=header.len() {
        assert_eq!(fed(&stream, piece), (client.clone(), read), "in pieces of {piece}");
    }
    client.unwrap().map(|client| client.to_string())
}

#[track_caller]
fn fault(stream: &[u8]) -> HeaderFault {
    let fault = fed(stream, usize::MAX).0.unwrap_err();
    for piece in 1..=stream.len().min(200) {
        assert_eq!(fed(stream, piece).0, Err(fault.clone()), "in pieces of {piece}");
    }
    fault
}

pub(super) fn binary(command: u8, family: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, content].concat()
}

const FOUR: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 5, 0x30, 0x39, 0, 25];

#[test]
fn text_headers() {
    assert_eq!(told(b"PROXY TCP4 192.0.2.7 10.0.0.5 12345 25\r\n").unwrap(), "192.0.2.7:12345");
    assert_eq!(told(b"PROXY TCP6 2001:db8::1 ::1 1 25\r\n").unwrap(), "[2001:db8::1]:1");
    assert_eq!(told(b"PROXY UNKNOWN\r\n"), None);
    assert_eq!(told(b"PROXY UNKNOWN ffff:f ffff:f 1 2\r\n"), None);
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let line = format!("PROXY UNKNOWN {longest} {longest} 65535 65535\r\n");
    assert_eq!(line.len(), LONGEST_TEXT);
    assert_eq!(told(line.as_bytes()), None);
}

#[test]
fn binary_headers() {
    assert_eq!(told(&binary(0x21, 0x11, FOUR)).unwrap(), "192.0.2.7:12345");
    let six = [&[0x20, 1, 0x0d, 0xb8], &[0; 11][..], &[1], &[0; 16], &[0, 1, 0, 25]].concat();
    assert_eq!(told(&binary(0x21, 0x21, &six)).unwrap(), "[2001:db8::1]:1");
    // TLVs behind the addresses: PP2_TYPE_NOOP, and one of the proxy's own.
    assert_eq!(
        told(&binary(0x21, 0x11, &[FOUR, &[4, 0, 2, 9, 9, 0xe0, 0, 1, 7]].concat())).unwrap(),
        "192.0.2.7:12345"
    );
}

#[test]
fn whoever_speaks_for_itself_or_does_not_say() {
    // LOCAL, with and without addresses; UNSPEC; datagrams; a Unix socket of the proxy.
    assert_eq!(told(&binary(0x20, 0x00, b"")), None);
    assert_eq!(told(&binary(0x20, 0x11, FOUR)), None);
    assert_eq!(told(&binary(0x21, 0x00, b"anything")), None);
    assert_eq!(told(&binary(0x21, 0x12, FOUR)), None);
    assert_eq!(told(&binary(0x21, 0x31, &[b'/'; 216])), None);
}

#[test]
fn what_is_no_header_is_known_at_its_first_wrong_octet() {
    for stream in [&b"EHLO me\r\n"[..], b"\x16\x03\x01", b"\r\n.\r\n", b"PROXX", b"proxy TCP4", b"\0"] {
        assert_eq!(fault(stream), HeaderFault::Missing);
    }
    let header = ProxyHeader::new(LONGEST);
    assert_eq!(header.step(), Ok(HeaderStep::Read(SHORTEST)));
}

#[test]
fn malformed_headers() {
    for stream in [
        &b"PROXY TCP4 192.0.2.7 10.0.0.5 12345\r\n"[..],
        b"PROXY TCP4 192.0.2.777 10.0.0.5 12345 25\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.5 12345 25\n\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.5 12345 99999\r\n",
        b"PROXY TCP9 192.0.2.7 10.0.0.5 12345 25\r\n",
        b"PROXY TCP6 192.0.2.7 10.0.0.5 12345 25\r\n",
        b"PROXY \r\nEHLO me.example\r\n",
        b"PROXY TCP4 192.0.2.7\r10.0.0.5 12345 25\r\n",
        b"PROXY TCP4 192.0.2.\xff 10.0.0.5 12345 25\r\n",
    ] {
        let fault = fault(stream);
        assert!(matches!(fault, HeaderFault::Malformed(_)), "{fault:?}");
    }
    for stream in [
        binary(0x11, 0x11, FOUR),
        binary(0x22, 0x11, FOUR),
        binary(0x21, 0x41, FOUR),
        binary(0x21, 0x13, FOUR),
        binary(0x21, 0x11, &FOUR[..11]),
        binary(0x21, 0x31, FOUR),
    ] {
        let fault = fault(&stream);
        assert!(matches!(fault, HeaderFault::Malformed(_)), "{fault:?}");
    }
}

#[test]
fn headers_are_bounded() {
    let text = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
    assert_eq!(fault(&text), HeaderFault::Malformed("no line break within 107 octets".into()));
    let (_, read) = fed(&text, usize::MAX);
    assert_eq!(read, LONGEST_TEXT);
    let most = vec![0; LONGEST - FIXED];
    assert_eq!(told(&binary(0x21, 0x00, &most)), None);
    // Told by its length already, whatever comes.
    assert_eq!(fault(&binary(0x21, 0x00, &[&most[..], b"x"].concat())[..FIXED]), HeaderFault::TooLong(LONGEST));
}

//! Messages of every shape that mail has, each made from its seed alone.

/// A message, and how it is handed in.
pub(super) struct Message {
    pub(super) shape: &'static str,
    /// Behind the path in MAIL.
    pub(super) parameters: &'static str,
    /// The commands in one flight, and one more behind the end of data.
    pub(super) pipelined: bool,
    /// Without dot stuffing.
    content: Vec<u8>,
}

type Make = fn(&mut Dice) -> Vec<u8>;

/// What each is called, its parameters, and how it is made.
const MADE: [(&str, &str, Make); 22] = [
    ("plain text", "", |dice| headed(dice, Dice::text)),
    ("leading dots", " BODY=7BIT", |dice| {
        headed(dice, |dice| dice.lines(|dice| dice.repeat(b".", 4) + &dice.words(3)))
    }),
    ("lines of dots", "", |dice| headed(dice, |dice| dice.lines(|dice| dice.repeat(b".", 5)))),
    ("nothing but one dot", "", |_| b".\r\n".to_vec()),
    ("8-bit", " BODY=8BITMIME", |dice| headed(dice, Dice::eight_bit)),
    ("8-bit, undeclared", "", |dice| headed(dice, Dice::eight_bit)),
    ("8-bit header", " BODY=8BITMIME", |dice| {
        [b"Subject: Gr\xc3\xbc\xc3\x9fe \xff\xfe\r\n", &headed(dice, Dice::text)[..]].concat()
    }),
    ("lines of 998", "", |dice| headed(dice, |dice| dice.lines(|dice| dice.letters(998)))),
    ("longer lines", "", |dice| {
        headed(dice, |dice| {
            dice.lines(|dice| {
                let count = 999 + dice.below(4000);
                dice.letters(count)
            })
        })
    }),
    ("one huge line", "", |dice| {
        headed(dice, |dice| {
            let count = 60_000 + dice.below(60_000);
            dice.letters(count).into_bytes()
        })
    }),
    ("no final line break", "", |dice| headed(dice, |dice| dice.words(9).into_bytes())),
    ("empty body", "", |dice| headed(dice, |_| Vec::new())),
    ("empty message", "", |_| Vec::new()),
    ("only headers", "", Dice::headers),
    ("only a body", "", Dice::text),
    ("only blank lines", "", |dice| dice.repeat(b"\r\n", 40).into_bytes()),
    ("many headers", "", |dice| headed(dice, Dice::headers)),
    ("headers that the servers change", "", |dice| {
        [b"Return-Path: <x@example.test>\r\nBcc: y@example.test\r\nReceived: by a\r\n", &headed(dice, Dice::text)[..]]
            .concat()
    }),
    ("blanks and controls", "", |dice| {
        headed(dice, |dice| dice.lines(|dice| dice.repeat(b" \t\x0b\x0c\x01\x1b\x7f", 6) + &dice.words(2) + "  \t"))
    }),
    ("dots at the edges of reads", "", |dice| headed(dice, Dice::edges)),
    ("too many hops", "", |dice| {
        ["Received: by hop\r\n".repeat(60).as_bytes(), &headed(dice, Dice::text)[..]].concat()
    }),
    ("announced too large", " SIZE=150000000", |dice| headed(dice, Dice::text)),
];

/// How many shapes there are; so many seeds make one of each.
pub(super) const SHAPES: u64 = MADE.len() as u64;

/// The message of a seed: every shape in turn, and a very large one.
pub(super) fn message(seed: u64) -> Message {
    let mut dice = Dice(seed);
    let of_size = MADE.len() as u64 * 9;
    if seed == of_size {
        let content = headed(&mut dice, |dice| dice.text().repeat(25 * 1024 * 1024 / 4000));
        return Message { shape: "25 MiB", parameters: "", pipelined: false, content };
    }
    let (shape, parameters, make) = MADE[usize::try_from(seed).unwrap() % MADE.len()];
    Message { shape, parameters, pipelined: seed / MADE.len() as u64 % 2 == 1, content: make(&mut dice) }
}

impl Message {
    /// As it is sent: dots stuffed, and the end of data.
    pub(super) fn wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.content.len() + 1000);
        for line in self.content.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b".") {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        if !wire.is_empty() && !wire.ends_with(b"\r\n") {
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }
}

fn headed(dice: &mut Dice, body: impl FnOnce(&mut Dice) -> Vec<u8>) -> Vec<u8> {
    let subject = dice.words(5);
    let mut content = format!("From: a@example.test\r\nSubject: {subject}\r\n").into_bytes();
    if dice.below(2) == 0 {
        content.extend_from_slice(b"Date: Sat, 21 Nov 2026 07:00:00 +0000\r\nMessage-ID: <x@example.test>\r\n");
    }
    content.extend_from_slice(b"\r\n");
    content.extend(body(dice));
    content
}

/// `SplitMix64`: the same sequence for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    /// Up to so many of these, one after another.
    fn repeat(&mut self, of: &[u8], most: usize) -> String {
        let text = std::str::from_utf8(of).unwrap();
        if text.len() == 1 || text == "\r\n" {
            return text.repeat(1 + self.below(most));
        }
        (0..=self.below(most)).map(|_| char::from(of[self.below(of.len())])).collect()
    }

    fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }

    fn words(&mut self, most: usize) -> String {
        let words: Vec<String> = (0..=self.below(most))
            .map(|_| {
                let count = 1 + self.below(9);
                self.letters(count)
            })
            .collect();
        words.join(" ")
    }

    fn lines(&mut self, line: fn(&mut Self) -> String) -> Vec<u8> {
        (0..=self.below(30)).flat_map(|_| (line(self) + "\r\n").into_bytes()).collect()
    }

    /// About 4000 octets.
    fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < 4000 {
            text.extend((self.words(12) + "\r\n").into_bytes());
        }
        text
    }

    fn eight_bit(&mut self) -> Vec<u8> {
        let octets = (0..500).map(|_| 128 + u8::try_from(self.below(128)).unwrap()).collect::<Vec<_>>();
        octets.chunks(70).flat_map(|line| [line, b"\r\n"].concat()).collect()
    }

    fn headers(&mut self) -> Vec<u8> {
        (0..300)
            .flat_map(|number| format!("X-Number-{number}: {}\r\n\t{}\r\n", self.words(9), self.words(9)).into_bytes())
            .collect()
    }

    /// Lines of dots around the sizes that programs read at a time.
    fn edges(&mut self) -> Vec<u8> {
        let mut edges = Vec::new();
        for size in [1024, 4096, 8192, 16384, 32768, 65536] {
            let line = size - edges.len() % size - self.below(6);
            edges.extend((self.letters(line.min(900)) + "\r\n").into_bytes());
            while edges.len() % size > 8 && size - edges.len() % size > 8 {
                let left = size - edges.len() % size - 5;
                edges.extend((self.letters(left.min(900)) + "\r\n").into_bytes());
            }
            edges.extend_from_slice(b"..\r\n.\r\n...\r\n.\r\n");
        }
        edges
    }
}

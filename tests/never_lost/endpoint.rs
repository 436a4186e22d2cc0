//! A token endpoint whose refresh tokens are numbered, so that anyone can say which of two is the later.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the endpoint is with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It has the request; nothing was issued.
    Asked,
    /// It has issued the successor and said nothing of it.
    Issued,
    /// It has said half of it.
    Half,
    /// It has said all.
    Said,
    /// It has refused.
    Refused,
}

pub(crate) struct Endpoint {
    pub(crate) url: String,
    address: SocketAddr,
    /// Requests that it is not done with.
    under_way: Arc<AtomicUsize>,
    steps: Receiver<Step>,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug)]
struct Book {
    /// The last refresh token that was issued.
    last: u32,
    /// Older ones are good no more.
    strict: bool,
    /// It waits at this step until its client is dead.
    stop_at: Option<Step>,
    requests: u32,
}

impl Endpoint {
    pub(crate) fn start(strict: bool) -> Self {
        Self::before_issuing(strict, || ())
    }

    /// With something that happens when it has a request.
    pub(crate) fn before_issuing(strict: bool, happens: impl Fn() + Send + Sync + 'static) -> Self {
        let happens = Arc::new(happens);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}/token");
        let book = Arc::new(Mutex::new(Book { last: 1, strict, stop_at: None, requests: 0 }));
        let (sender, steps) = channel();
        let under_way = Arc::<AtomicUsize>::default();
        let (shared, counted) = (Arc::clone(&book), Arc::clone(&under_way));
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let (book, steps, happens) = (Arc::clone(&shared), sender.clone(), Arc::clone(&happens));
                let done = Arc::clone(&counted);
                std::thread::spawn(move || {
                    // A client that was killed is what this is about.
                    drop(serve(tcp.unwrap(), &book, &steps, happens.as_ref()));
                    done.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url, address, under_way, steps, book }
    }

    /// Waits until it has done what a client that is dead by now has asked for.
    pub(crate) fn settles(&self) {
        // They are accepted in order: when this one is seen off, all before it are counted.
        let mut last = TcpStream::connect(self.address).unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        let _ = last.read(&mut [0]);
        while self.under_way.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// From now on it stays there.
    pub(crate) fn stop_at(&self, step: Option<Step>) {
        self.book.lock().unwrap().stop_at = step;
        while self.steps.try_recv().is_ok() {}
    }

    /// Waits until it is there.
    pub(crate) fn reaches(&self, wanted: Step) {
        while self.steps.recv_timeout(Duration::from_secs(20)).expect("no such step") != wanted {}
    }

    /// The last refresh token that it issued.
    pub(crate) fn last(&self) -> u32 {
        self.book.lock().unwrap().last
    }

    /// A person signs in again: this one is good.
    pub(crate) fn reissue(&self, number: u32) {
        self.book.lock().unwrap().last = number;
    }

    pub(crate) fn requests(&self) -> u32 {
        self.book.lock().unwrap().requests
    }
}

fn serve(mut tcp: TcpStream, book: &Mutex<Book>, steps: &Sender<Step>, happens: &dyn Fn()) -> std::io::Result<()> {
    let used = used(&mut tcp)?;
    happens();
    book.lock().unwrap().requests += 1;
    reached(&mut tcp, book, steps, Step::Asked)?;
    let issued = {
        let mut book = book.lock().unwrap();
        let good = used <= book.last && (!book.strict || used == book.last);
        book.last += u32::from(good);
        good.then_some(book.last)
    };
    let Some(issued) = issued else {
        let body = r#"{"error":"invalid_grant"}"#;
        write!(tcp, "HTTP/1.1 400 Bad\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())?;
        return reached(&mut tcp, book, steps, Step::Refused);
    };
    reached(&mut tcp, book, steps, Step::Issued)?;
    let body = format!(r#"{{"access_token":"a{issued}","expires_in":3600,"refresh_token":"r{issued}"}}"#);
    write!(tcp, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    let (first, second) = body.split_at(body.len() / 2);
    tcp.write_all(first.as_bytes())?;
    reached(&mut tcp, book, steps, Step::Half)?;
    tcp.write_all(second.as_bytes())?;
    reached(&mut tcp, book, steps, Step::Said)
}

/// Says that it is there, and stays until the client is dead if it is to stop there.
fn reached(tcp: &mut TcpStream, book: &Mutex<Book>, steps: &Sender<Step>, step: Step) -> std::io::Result<()> {
    let stays = book.lock().unwrap().stop_at == Some(step);
    let _ = steps.send(step);
    if stays {
        while tcp.read(&mut [0; 64])? > 0 {}
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    Ok(())
}

/// The number of the refresh token in a request.
fn used(tcp: &mut TcpStream) -> std::io::Result<u32> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 2048];
        let count = tcp.read(&mut piece)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request);
        // The client's id comes last, and so the body is there as a whole.
        if let Some((_, form)) = text.split_once("\r\n\r\n")
            && form.contains("client_id=client")
        {
            let number = form.split('&').find_map(|field| field.strip_prefix("refresh_token=r"));
            return Ok(number.unwrap().parse().unwrap());
        }
    }
}

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use asyncapy::server::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::wait::in_time;

/// Somebody on the line between one client and a server: he writes down all that is said, and may change a byte of it.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    sent: Recording,
    received: Recording,
    task: JoinHandle<()>,
}

type Recording = Arc<Mutex<Vec<u8>>>;

/// Which byte is changed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Flip {
    /// Whether it is one of the client's.
    pub sent: bool,
    /// Its place in all that this side says.
    pub at: usize,
    /// The bits that are turned.
    pub bits: u8,
}

impl Tap {
    /// Listens in on the next client of a server, and changes what it is told to.
    ///
    /// # Panics
    /// If nothing can be listened to.
    pub async fn on(server: &Running, flip: Option<Flip>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = server.local_addr().expect("the server listens on TCP");
        let (sent, received) = (Recording::default(), Recording::default());
        let recordings = (sent.clone(), received.clone());
        let task = tokio::spawn(async move {
            let Ok((client, _)) = listener.accept().await else { return };
            let Ok(server) = TcpStream::connect(server).await else { return };
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            let of = |sent| flip.filter(|flip| flip.sent == sent);
            tokio::join!(
                carry(from_client, to_server, recordings.0, of(true)),
                carry(from_server, to_client, recordings.1, of(false)),
            );
        });
        Self { address, sent, received, task }
    }

    /// The client's end of the line.
    ///
    /// # Panics
    /// If it cannot connect.
    pub async fn connect(&self) -> TcpStream {
        in_time("connect", TcpStream::connect(self.address)).await.expect("connect")
    }

    /// What the client has said so far.
    #[must_use]
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the server has said so far.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, recording: Recording, flip: Option<Flip>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut at = 0;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &mut buffer[..read];
        if let Some(flip) = flip.filter(|flip| (at..at + read).contains(&flip.at)) {
            bytes[flip.at - at] ^= flip.bits;
        }
        recording.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        at += read;
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
    // Whoever is gone already needs not be told.
    let _ = to.shutdown().await;
}

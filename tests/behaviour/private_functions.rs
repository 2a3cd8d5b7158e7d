//! Private functions can be called from the places that they name, and from no other.

use asyncapy::prelude::*;
use asyncapy::rpc::{Description, FUNCTIONS};
use tokio::net::{TcpStream, UnixStream};

use crate::listeners::Folder;

/// The machine itself, however it is reached.
#[rpc(group = "from", private)]
async fn machine() {}

#[rpc(group = "from", private("loopback"))]
async fn loopback() {}

#[rpc(group = "from", private("unix"))]
async fn unix() {}

/// One place is enough.
#[rpc(group = "from", private("identity:ann", "unix"))]
async fn either() {}

fn keeps_a_ticket(client: &Client) -> bool {
    client.session().get::<Ticket>().is_some()
}

#[rpc(group = "from", private("identity:ann", keeps_a_ticket))]
async fn holders() {}

#[derive(Debug)]
struct Ticket;

#[rpc(group = "from")]
async fn buy(session: Session) {
    session.insert(Ticket);
}

/// What holds for the service holds for its methods, unless they say otherwise.
struct Vault;

#[service(private("unix"))]
impl Vault {
    async fn open(&self) {}

    #[rpc(private("loopback"))]
    async fn count(&self) {}
}

/// Whether a function can be called, and that its refusal says so.
async fn admits(peer: &Peer, name: &str) -> bool {
    match peer.call::<()>(name, ()).await {
        Ok(()) => true,
        Err(status) => {
            assert_eq!(status.code, Code::FunctionPrivate, "{name}: {status}");
            false
        }
    }
}

#[tokio::test]
async fn a_private_function_is_called_from_its_places_alone() {
    let folder = Folder::new();
    let server = Server::builder()
        .linked_in(module_path!())
        .service(Vault)
        .listen("127.0.0.1:0")
        .listen(&folder.socket())
        .build()
        .unwrap()
        .start()
        .await
        .unwrap();
    let tcp = Peer::over(TcpStream::connect(server.local_addr().unwrap()).await.unwrap());
    let unix = Peer::over(UnixStream::connect(folder.path()).await.unwrap());
    // In memory it is the machine itself, too.
    let memory = server.handle().peer().unwrap();
    for (name, over_tcp, over_unix, in_memory) in [
        ("from.machine", true, true, true),
        ("from.loopback", true, false, true),
        ("from.unix", false, true, false),
        ("from.either", false, true, false),
        ("from.holders", false, false, false),
        ("vault.open", false, true, false),
        ("vault.count", true, false, true),
    ] {
        let admitted = (admits(&tcp, name).await, admits(&unix, name).await, admits(&memory, name).await);
        assert_eq!(admitted, (over_tcp, over_unix, in_memory), "{name}");
    }
    // A function of one's own is asked for each call.
    buy::call(&tcp).await.unwrap();
    assert!(admits(&tcp, "from.holders").await);
    assert!(!admits(&memory, "from.holders").await);
}

#[tokio::test]
async fn a_private_function_is_listed_as_such() {
    let server = Server::builder().register(machine).register(buy).build().unwrap();
    let server = server.start_in_memory().await.unwrap();
    let peer = server.handle().peer().unwrap();
    let listed = peer.call::<Vec<Description>>(FUNCTIONS, ()).await.unwrap();
    let private: Vec<_> = listed.iter().map(|function| (&*function.name, function.private)).collect();
    assert_eq!(private, [("asyncapy.functions", false), ("from.buy", false), ("from.machine", true)]);
}

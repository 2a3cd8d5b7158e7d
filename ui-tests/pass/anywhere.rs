#![allow(unused)]
use asyncapy::prelude::*;

mod deep {
    pub(super) mod deeper {
        use asyncapy::prelude::*;

        #[handler]
        pub(crate) async fn r#match(client: Client) {}
    }
}

#[cfg(any())]
struct Absent;

#[handler(fields(user, ..))]
#[cfg(any())]
async fn left_out(absent: Absent, client: Client) {}

fn main() {
    #[handler]
    async fn local(client: Client) {}
    let _ = (local, deep::deeper::r#match);
}

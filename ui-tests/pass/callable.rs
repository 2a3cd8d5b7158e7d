#![allow(unused)]
use asyncapy::prelude::*;

/// Says who it is.
#[handler]
pub async fn name(#[field] user: String) -> Result<()> {
    assert_eq!(user, "ann");
    Ok(())
}

#[handler]
fn plain(#[field] count: u32) -> Option<()> {
    (count > 1).then_some(())
}

fn main() {
    assert_eq!(plain(2), Some(()));
    assert_eq!(plain(1), None);
    let mut future = std::pin::pin!(name("ann".to_owned()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::future::Future::poll(future.as_mut(), &mut context).is_ready());
}

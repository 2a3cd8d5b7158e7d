//! A local certificate authority, for development and for one's own machines.

mod authority;
mod failure;
mod issued;
mod validity;

pub use authority::Authority;
pub use failure::CertError;
pub use issued::Issued;
pub use validity::Validity;

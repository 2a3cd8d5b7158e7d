use super::state::Requirements;
use super::{Client, Request, Session};
use crate::error::Rejection;
use crate::packet::{Packet, TypedPacket};

/// What a handler can have as an argument.
///
/// The client, its session, the packet, a typed packet, a state; an `Option` of one of these (`None` where it cannot
/// be had) and a `Result` of one (with the reason). Implement it for types of your own:
///
/// ```
/// use asyncapy::handler::{Extract, Request};
/// use asyncapy::{Code, Rejection};
///
/// struct Token(String);
///
/// impl Extract for Token {
///     fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
///         match request.view().get("token").and_then(|value| value.as_str()) {
///             Some(token) => Ok(Token(token.into_owned())),
///             None => Err(Rejection::new(Code::Unauthorized).field("token")),
///         }
///     }
/// }
/// ```
///
/// # Errors
/// A [`Rejection`] is the reply: a code and the field that is to blame.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor",
    label = "a handler cannot take this as an argument",
    note = "arguments may be `Client`, `Session`, `Packet`, `Typed<T>`, `State<T>`, an `Option` or `Result` of one, \
            or `#[field] name: T` for a single field of the packet"
)]
pub trait Extract: Sized + Send + 'static {
    /// Whether it takes the packet's body as a whole: a handler has at most one such argument.
    const BODY: bool = false;

    /// Takes the value from a request.
    ///
    /// # Errors
    /// The reply that the client is sent instead of the handler's.
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection>;

    /// Tells what the server must have for this to work.
    fn require(requirements: &mut Requirements) {
        let _ = requirements;
    }
}

impl Extract for Client {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(request.client().clone())
    }
}

impl Extract for Session {
    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(request.session())
    }
}

impl Extract for Packet {
    const BODY: bool = true;

    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(request.take_packet())
    }
}

/// The packet as a type of your own: `Typed(login): Typed<Login>`.
///
/// # Errors
/// `ERR_FIELD_MISSING`, `ERR_FIELD_INVALID`, `ERR_FIELD_UNKNOWN` or `ERR_FIELD_DUPLICATE`, with the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typed<T>(pub T);

impl<T: TypedPacket + Send + 'static> Extract for Typed<T> {
    const BODY: bool = true;

    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        T::decode_packet(request.view()).map(Typed)
    }
}

/// `None` where the extractor refuses.
impl<E: Extract> Extract for Option<E> {
    const BODY: bool = E::BODY;

    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(E::extract(request).ok())
    }
}

/// The refusal goes to the handler, not to the client.
impl<E: Extract> Extract for Result<E, Rejection> {
    const BODY: bool = E::BODY;

    fn extract(request: &mut Request<'_>) -> Result<Self, Rejection> {
        Ok(E::extract(request))
    }
}

use syn::{Attribute, FnArg, ReceiverKind, Signature, Visibility};

use super::Service;
use crate::mistakes::Mistakes;
use crate::rpc::function::{Function, Receiver, Shape};
use crate::rpc::options::Options;

/// Reads a method, and takes our attributes off it and its arguments: nothing where it is not served.
///
/// Served is what takes `&self`, unless it is marked `#[rpc(skip)]`.
pub(super) fn read(
    service: &Service,
    attributes: &mut Vec<Attribute>,
    visibility: &Visibility,
    signature: &mut Signature,
    mistakes: &mut Mistakes,
) -> Option<Function> {
    let marked = attributes.iter().any(|attribute| attribute.path().is_ident("rpc"));
    let mut options = Options::take(attributes, mistakes);
    if options.skip {
        return None;
    }
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) => {
            if !matches!(&receiver.kind, ReceiverKind::Reference(_, _, None)) {
                let message = "calls run side by side and share the service: take `&self`, or mark the method \
                               `#[rpc(skip)]`";
                mistakes.under(receiver, message);
                return None;
            }
        }
        _ if marked => {
            let message = "only methods with `&self` are served; this is a function of its own";
            mistakes.under(&signature.ident, message);
            return None;
        }
        _ => return None,
    }
    let all = &service.options;
    options.group.clone_from(&all.group);
    options.timeout = options.timeout.or(all.timeout);
    options.private = options.private.or_else(|| all.private.clone());
    let method = Function::read(attributes, visibility, signature, Receiver::Shared, options, mistakes)?;
    if method.shape() == Shape::ServerStream && !method.is_async {
        let message = "a method that gives a stream is an `async fn`: what it borrows cannot come back from the \
                       blocking pool";
        mistakes.under(signature.fn_token, message);
        return None;
    }
    Some(method)
}

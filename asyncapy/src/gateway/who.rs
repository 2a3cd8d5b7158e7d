use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::gateway::Inner;
use super::refused::Refused;
use super::settings::Proxies;
use crate::error::Code;
use crate::handler::Address;
use crate::server::visit::Visitor;

/// The header by which proxies say whom they speak for.
const FORWARDED: &str = "x-forwarded-for";

/// Whose request it is.
pub(super) fn visitor(gateway: &Inner, parts: &Parts) -> Result<Visitor, Refused> {
    let own = parts.extensions.get::<Visitor>();
    let address = match (own, parts.extensions.get::<ConnectInfo<SocketAddr>>()) {
        (Some(visitor), _) => visitor.address(),
        (None, Some(ConnectInfo(address))) => Address::from(*address),
        (None, None) => {
            tracing::error!(
                part = "Client handler",
                "The router of the gateway learns no addresses: serve it by `into_make_service_with_connect_info::<SocketAddr>()`"
            );
            return Err(Refused::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                Code::HandlerFailed,
                "the server learns no addresses",
            ));
        }
    };
    let proxies = &gateway.settings.proxies;
    let forwarded = match proxies.contain(address) {
        true => client_of(&parts.headers, proxies)?,
        false => None,
    };
    match (forwarded, own) {
        (Some(ip), own) => {
            let visitor = gateway.handle.arrive_for_request(SocketAddr::new(ip, 0).into())?;
            // A certificate would be the proxy's.
            Ok(visitor.at(own.and_then(Visitor::endpoint).cloned()))
        }
        (None, Some(visitor)) => Ok(visitor.clone()),
        (None, None) => Ok(gateway.handle.arrive_for_request(address)?),
    }
}

/// The client that proxies name: the last address that is not a proxy's own, since all before it anybody may have
/// written.
fn client_of(headers: &HeaderMap, proxies: &Proxies) -> Result<Option<IpAddr>, Refused> {
    let wrong = || Refused::header(FORWARDED, "it is no list of addresses");
    let mut client = None;
    let values: Vec<_> = headers.get_all(FORWARDED).into_iter().collect();
    for value in values.into_iter().rev() {
        for text in value.to_str().map_err(|_| wrong())?.rsplit(',') {
            let ip = address(text.trim()).ok_or_else(wrong)?.to_canonical();
            client = Some(ip);
            if !proxies.contain_ip(ip) {
                return Ok(client);
            }
        }
    }
    Ok(client)
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn client(values: &[&'static str]) -> Option<Option<IpAddr>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED, HeaderValue::from_static(value));
        }
        let networks = vec!["10.0.0.0/8".parse().unwrap()];
        client_of(&headers, &Proxies { networks, unix: false }).ok()
    }

    #[test]
    fn the_client_is_the_last_that_is_no_proxy() {
        let ip = |text: &str| Some(Some(text.parse().unwrap()));
        assert_eq!(client(&[]), Some(None));
        assert_eq!(client(&["192.0.2.1"]), ip("192.0.2.1"));
        assert_eq!(client(&["127.0.0.1, 192.0.2.1, 10.1.1.1"]), ip("192.0.2.1"));
        assert_eq!(client(&["127.0.0.1", "192.0.2.1:55"]), ip("192.0.2.1"));
        assert_eq!(client(&["10.0.0.7,10.1.1.1"]), ip("10.0.0.7"));
        assert_eq!(client(&["::ffff:192.0.2.1"]), ip("192.0.2.1"));
        assert_eq!(client(&["unknown, 10.1.1.1"]), None);
    }
}

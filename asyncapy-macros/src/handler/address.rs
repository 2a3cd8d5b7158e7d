use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use syn::{Error, LitStr, Result};

/// Checks that a literal is an address or a prefix, v4 or v6, without host bits.
pub(crate) fn check(literal: &LitStr) -> Result<()> {
    let text = literal.value();
    let wrong = |message: String| Err(Error::new(literal.span(), message));
    let Some((address, length)) = text.split_once('/') else {
        return match text.parse::<IpAddr>() {
            Ok(_) => Ok(()),
            Err(_) => wrong(format!(
                "`{text}` is no address: expected one such as `127.0.0.1`, `::1` or `10.0.0.0/8`"
            )),
        };
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return wrong(format!(
            "`{address}` is no address: expected a prefix such as `10.0.0.0/8` or `fd00::/8`"
        ));
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let net = length.parse::<u8>().ok().and_then(|length| IpNet::new(address, length).ok());
    let Some(net) = net else {
        return wrong(format!("`/{length}` is no prefix length: expected a number from 0 to {bits}"));
    };
    if net.trunc() != net {
        return wrong(format!(
            "`{text}` has host bits; did you mean `{}`, or `{address}` alone?",
            net.trunc()
        ));
    }
    // Addresses of IPv4 clients are never mapped ones: a network of these alone is read as the IPv4 network.
    if let IpNet::V6(six) = net
        && !six.addr().is_unspecified()
        && six.prefix_len() < 96
        && six.contains(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped())
    {
        return wrong(format!(
            "`{text}` holds the IPv4 addresses that are mapped into IPv6 and others beside them; say both apart, such as \
             `0.0.0.0/0` and `::/0`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn message(text: &str) -> Option<String> {
        check(&LitStr::new(text, Span::call_site())).err().map(|error| error.to_string())
    }

    #[test]
    fn addresses_and_prefixes_of_both_families_pass() {
        for text in [
            "127.0.0.1",
            "::1",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "fd00::/8",
            "192.168.1.7/32",
            "::/0",
            "::ffff:10.0.0.0/104",
        ] {
            assert_eq!(message(text), None, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("localhost", "`localhost` is no address"),
            ("10.0.0.0/33", "`/33` is no prefix length: expected a number from 0 to 32"),
            ("fd00::/129", "expected a number from 0 to 128"),
            ("10.0.0/8", "`10.0.0` is no address"),
            ("::fffe:0:0/95", "say both apart"),
            ("10.0.0.1/8", "`10.0.0.1/8` has host bits; did you mean `10.0.0.0/8`, or `10.0.0.1` alone?"),
        ];
        for (text, expected) in cases {
            let message = message(text).unwrap_or_default();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}

//! Reads from a certificate (RFC 5280) the few fields that rustls checks but does not show: names and dates.
//!
//! rustls has verified the certificate before anything here decides something, so this only has to read, not to judge;
//! all the same it trusts no length, and what it does not understand is `None`, never a guess.

use std::net::IpAddr;
use std::str::from_utf8;

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]` and `[3]` of a certificate: its version, its extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `[1]`, `[2]`, `[6]`, `[7]` of a GeneralName.
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;
/// 2.5.4.3 and 2.5.29.17.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A name in a certificate's subjectAltName.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Name {
    /// A host name, perhaps with a wildcard.
    Dns(String),
    /// A URI, such as a SPIFFE id.
    Uri(String),
    /// A mail address.
    Email(String),
    /// An address.
    Ip(IpAddr),
}

/// What is read from a certificate.
#[derive(Debug)]
pub(in crate::security) struct Certificate<'a> {
    /// The issuer's and the subject's name, encoded, to be compared.
    #[cfg_attr(not(feature = "cert"), allow(dead_code, reason = "read by the authority only"))]
    pub(in crate::security) issuer: &'a [u8],
    #[cfg_attr(not(feature = "cert"), allow(dead_code, reason = "read by the authority only"))]
    pub(in crate::security) subject: &'a [u8],
    /// The SubjectPublicKeyInfo, encoded.
    #[cfg_attr(not(feature = "cert"), allow(dead_code, reason = "read by the authority only"))]
    pub(in crate::security) public_key: &'a [u8],
    /// First and last second of its validity, since 1970.
    pub(in crate::security) not_before: i64,
    pub(in crate::security) not_after: i64,
    /// The common names of the subject; one, if the authority is in its senses.
    pub(in crate::security) common_names: Vec<String>,
    pub(in crate::security) names: Vec<Name>,
}

impl<'a> Certificate<'a> {
    /// Reads a DER certificate; `None` if it is none.
    pub(in crate::security) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(der);
        let mut certificate = Reader(outer.take(SEQUENCE)?);
        if !outer.0.is_empty() {
            return None;
        }
        let mut body = Reader(certificate.take(SEQUENCE)?);
        if body.peek() == Some(VERSION) {
            body.take(VERSION)?;
        }
        body.element()?; // serial number
        body.take(SEQUENCE)?; // signature algorithm
        let issuer = body.whole(SEQUENCE)?;
        let mut validity = Reader(body.take(SEQUENCE)?);
        let not_before = time(validity.element()?)?;
        let not_after = time(validity.element()?)?;
        let subject = body.whole(SEQUENCE)?;
        let public_key = body.whole(SEQUENCE)?;
        let mut names = Vec::new();
        while let Some((tag, content)) = body.element() {
            if tag == EXTENSIONS {
                names = alternative_names(Reader(content).take(SEQUENCE)?)?;
            }
        }
        if !body.0.is_empty() {
            return None;
        }
        let common_names = common_names(Reader(subject).take(SEQUENCE)?)?;
        Some(Self { issuer, subject, public_key, not_before, not_after, common_names, names })
    }
}

/// What is left of a run of DER elements.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element: its tag and its content.
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // A tag of several bytes; certificates have none.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // 0x80 is the indefinite length of BER; five bytes and more would be over 4 GiB.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .try_fold(0_usize, |all, &byte| all.checked_mul(256)?.checked_add(usize::from(byte)))?;
                // DER allows the shortest form only.
                if bytes.first() == Some(&0) || length < 0x80 {
                    return None;
                }
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, which must have the tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|element| element.0 == tag).map(|element| element.1)
    }

    /// The next element, which must have the tag, header and all.
    fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        self.take(tag)?;
        before.get(..before.len() - self.0.len())
    }
}

/// Name ::= SEQUENCE OF SET OF SEQUENCE { type OID, value ANY }
fn common_names(content: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut sets = Reader(content);
    while !sets.0.is_empty() {
        let mut set = Reader(sets.take(SET)?);
        while !set.0.is_empty() {
            let mut attribute = Reader(set.take(SEQUENCE)?);
            let kind = attribute.take(OID)?;
            let value = attribute.element()?;
            if kind == COMMON_NAME {
                names.push(string(value)?);
            }
        }
    }
    Some(names)
}

/// Extensions ::= SEQUENCE OF SEQUENCE { id OID, critical BOOLEAN DEFAULT FALSE, value OCTET STRING }
fn alternative_names(content: &[u8]) -> Option<Vec<Name>> {
    let mut names = Vec::new();
    let mut extensions = Reader(content);
    while !extensions.0.is_empty() {
        let mut extension = Reader(extensions.take(SEQUENCE)?);
        let id = extension.take(OID)?;
        if extension.peek() == Some(BOOLEAN) {
            extension.take(BOOLEAN)?;
        }
        let value = extension.take(OCTET_STRING)?;
        if id == SUBJECT_ALT_NAME {
            let mut general = Reader(Reader(value).take(SEQUENCE)?);
            while !general.0.is_empty() {
                let (tag, content) = general.element()?;
                names.extend(match tag {
                    EMAIL => Some(Name::Email(ascii(content)?)),
                    DNS => Some(Name::Dns(ascii(content)?)),
                    URI => Some(Name::Uri(ascii(content)?)),
                    IP => Some(Name::Ip(address(content)?)),
                    // Directory names and the like, which nobody compares with anything here.
                    _ => None,
                });
            }
        }
    }
    Some(names)
}

fn string((tag, content): (u8, &[u8])) -> Option<String> {
    match tag {
        UTF8_STRING => from_utf8(content).ok().map(str::to_owned),
        NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING => ascii(content),
        BMP_STRING if content.len().is_multiple_of(2) => {
            let units = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

fn ascii(content: &[u8]) -> Option<String> {
    from_utf8(content).ok().filter(|text| text.is_ascii()).map(str::to_owned)
}

fn address(content: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(content)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(content).map(IpAddr::from))
        .ok()
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280, 4.1.2.5), in seconds since 1970.
fn time((tag, content): (u8, &[u8])) -> Option<i64> {
    let digits = content.strip_suffix(b"Z")?;
    let wide = match tag {
        UTC_TIME => 12,
        GENERALIZED_TIME => 14,
        _ => return None,
    };
    if digits.len() != wide || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (year, rest) = digits.split_at(wide - 10);
    let number = |digits: &[u8]| digits.iter().fold(0, |all, digit| all * 10 + i64::from(digit - b'0'));
    let year = match (tag, number(year)) {
        (UTC_TIME, year @ 50..) => 1900 + year,
        (UTC_TIME, year) => 2000 + year,
        (_, year) => year,
    };
    let parts: Vec<i64> = rest.chunks_exact(2).map(number).collect();
    let &[month @ 1..=12, day @ 1..=31, hour @ 0..=23, minute @ 0..=59, second @ 0..=59] = &*parts else {
        return None;
    };
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March, so that the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut whole = vec![tag];
        match content.len() {
            length @ 0..=0x7f => whole.push(length as u8),
            length @ 0x80..=0xff => whole.extend([0x81, length as u8]),
            length => whole.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        whole.extend(content);
        whole
    }

    fn name(values: &[(u8, &[u8])]) -> Vec<u8> {
        let set = |value: &(u8, &[u8])| {
            let attribute = [der(OID, COMMON_NAME), der(value.0, value.1)].concat();
            der(SET, &der(SEQUENCE, &attribute))
        };
        der(SEQUENCE, &values.iter().flat_map(set).collect::<Vec<u8>>())
    }

    fn certificate(subject: &[u8], general: &[u8]) -> Vec<u8> {
        let extension =
            [der(OID, SUBJECT_ALT_NAME), der(BOOLEAN, &[0xff]), der(OCTET_STRING, &der(SEQUENCE, general))];
        let other = [der(OID, &[0x55, 0x1d, 0x0f]), der(OCTET_STRING, b"?")];
        let extensions = [der(SEQUENCE, &other.concat()), der(SEQUENCE, &extension.concat())].concat();
        let validity = [der(UTC_TIME, b"700101000000Z"), der(GENERALIZED_TIME, b"20500101000000Z")].concat();
        let body = [
            der(VERSION, &der(0x02, &[2])),
            der(0x02, &[1]),
            der(SEQUENCE, b""),
            name(&[(UTF8_STRING, b"the authority")]),
            der(SEQUENCE, &validity),
            subject.to_vec(),
            der(SEQUENCE, b"key"),
            der(EXTENSIONS, &der(SEQUENCE, &extensions)),
        ];
        der(SEQUENCE, &[der(SEQUENCE, &body.concat()), der(SEQUENCE, b""), der(0x03, b"\0")].concat())
    }

    #[test]
    fn every_kind_of_name_is_read() {
        let general = [
            der(DNS, b"*.example.org"),
            der(EMAIL, b"a@example.org"),
            der(0xa4, b"\x30\x00"),
            der(URI, b"spiffe://example.org/a"),
            der(IP, &[127, 0, 0, 1]),
            der(IP, &[0; 16]),
        ];
        let bytes = certificate(&name(&[(UTF8_STRING, "Jürgen".as_bytes())]), &general.concat());
        let read = Certificate::read(&bytes).unwrap();
        assert_eq!(read.common_names, ["Jürgen"]);
        let expected = [
            Name::Dns("*.example.org".into()),
            Name::Email("a@example.org".into()),
            Name::Uri("spiffe://example.org/a".into()),
            Name::Ip([127, 0, 0, 1].into()),
            Name::Ip([0_u16; 8].into()),
        ];
        assert_eq!(read.names, expected);
        assert_eq!((read.not_before, read.not_after), (0, 2_524_608_000));
        assert_eq!(read.issuer, name(&[(UTF8_STRING, b"the authority")]));
        assert_eq!(read.public_key, der(SEQUENCE, b"key"));
    }

    #[test]
    fn every_kind_of_string_is_read_and_others_are_refused() {
        let read = |tag, content| string((tag, content));
        assert_eq!(read(PRINTABLE_STRING, b"abc").as_deref(), Some("abc"));
        assert_eq!(read(BMP_STRING, b"\0a\x20\xac").as_deref(), Some("a\u{20ac}"));
        assert_eq!(read(UTF8_STRING, b"a\0b").as_deref(), Some("a\0b"));
        for (tag, content) in [
            (UTF8_STRING, &b"\xff"[..]),
            (IA5_STRING, "é".as_bytes()),
            (BMP_STRING, b"a"),
            (BMP_STRING, b"\xd8\0"),
        ] {
            assert_eq!(read(tag, content), None);
        }
        assert_eq!(read(0x14, b"teletex"), None);
        let several = certificate(&name(&[(UTF8_STRING, b"a"), (UTF8_STRING, b"b")]), b"");
        assert_eq!(Certificate::read(&several).unwrap().common_names, ["a", "b"]);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let read = |text: &[u8]| time((if text.len() == 13 { UTC_TIME } else { GENERALIZED_TIME }, text));
        assert_eq!(read(b"20000229235959Z"), Some(951_868_799));
        assert_eq!(read(b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(read(b"500101000000Z"), Some(-631_152_000));
        assert_eq!(read(b"99991231235959Z"), Some(253_402_300_799));
        assert_eq!(read(b"00000101000000Z"), Some(-62_167_219_200));
        for text in
            ["20001301000000Z", "20000100000000Z", "20000101240000Z", "2000010100000Z", "200001010000000"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(time((IA5_STRING, b"491231235959Z")), None);
    }

    #[test]
    fn lengths_are_believed_only_where_the_bytes_are() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81, 1, 0],
            &[0x30, 0x81, 0x80],
            &[0x30, 0x82, 0, 0x80],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x85, 1, 0, 0, 0, 0],
            &[0x1f, 0],
        ] {
            assert_eq!(Reader(bytes).element(), None, "{bytes:x?}");
        }
        assert_eq!(Reader(&der(0x04, &[7; 300])).element(), Some((0x04, &[7; 300][..])));
    }

    #[test]
    fn a_cut_or_changed_certificate_never_panics() {
        let bytes = certificate(&name(&[(UTF8_STRING, b"a")]), &der(DNS, b"example.org"));
        for length in 0..bytes.len() {
            assert!(Certificate::read(&bytes[..length]).is_none(), "{length}");
        }
        assert!(Certificate::read(&[&*bytes, b"\0"].concat()).is_none());
        for at in 0..bytes.len() {
            for change in 1..=255 {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let _ = Certificate::read(&changed);
            }
        }
    }
}

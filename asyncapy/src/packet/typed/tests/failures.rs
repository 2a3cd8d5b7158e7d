use std::fmt::Debug;

use crate::{Code, Failure};

#[derive(crate::Failure, Debug)]
enum LoginError {
    #[failure(message = "the pin is wrong", field = "pin")]
    BadPin,
    #[failure(code = "ERR_LOCKED", message = "{0} of {{3}} tries, {1:?}")]
    Locked(u8, &'static str),
    #[failure(code = "ERR_UNAUTHORIZED", message = "{left} left of {left}, not {type}")]
    Denied { left: u8, r#type: u8 },
    Store {
        #[failure(cause)]
        error: std::fmt::Error,
        #[allow(dead_code, reason = "no answer uses it")]
        other: u8,
    },
    #[failure(transparent)]
    Other(Inner),
}

#[derive(crate::Failure, Debug)]
#[failure(code = "ERR_INNER_2", message = "inner {0}", field = "x")]
struct Inner(u8);

#[derive(crate::Failure, Debug)]
struct NotFound;

#[derive(crate::Failure)]
enum Never {}

/// The four answers of a failure.
fn answers(failure: &impl Failure) -> (Code, Option<String>, Option<String>, Option<String>) {
    let text = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
    (failure.code(), text(failure.message()), text(failure.field()), failure.cause())
}

#[test]
fn each_variant_answers_for_itself() {
    let some = |text: &str| Some(text.to_owned());
    let custom = Code::custom;
    let expected = [
        (LoginError::BadPin, (custom("ERR_BAD_PIN"), some("the pin is wrong"), some("pin"), None)),
        (LoginError::Locked(2, "x"), (custom("ERR_LOCKED"), some("2 of {3} tries, \"x\""), None, None)),
        (
            LoginError::Denied { left: 1, r#type: 2 },
            (Code::Unauthorized, some("1 left of 1, not 2"), None, None),
        ),
        (
            LoginError::Store { error: std::fmt::Error, other: 0 },
            (custom("ERR_STORE"), None, None, Some(std::fmt::Error.to_string())),
        ),
        (LoginError::Other(Inner(3)), (custom("ERR_INNER_2"), some("inner 3"), some("x"), None)),
    ];
    for (failure, expected) in expected {
        assert_eq!(answers(&failure), expected, "{failure:?}");
    }
    assert_eq!(answers(&NotFound), (custom("ERR_NOT_FOUND"), None, None, None));
    let _ = |never: &Never| never.code();
}

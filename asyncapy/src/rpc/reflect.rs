use serde::{Deserialize, Serialize};

use super::body::Value;
use super::function::{Function, Method, Returns, Shape};
use super::invocation::function;
use super::table::Functions;

/// The name of the function that lists all others.
pub const FUNCTIONS: &str = "asyncapy.functions";

/// A function, as the list of functions tells it: a call of [`FUNCTIONS`] gives a list of these, sorted by name.
///
/// Functions that are private stand in it too: it says what there is, not who may.
///
/// ```
/// use asyncapy::prelude::*;
/// use asyncapy::rpc::{Description, FUNCTIONS};
///
/// /// Adds two numbers.
/// #[rpc(group = "math")]
/// async fn sum(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> asyncapy::Result<()> {
/// let server = Server::builder().register(sum).build()?.start_in_memory().await?;
/// let peer = server.handle().peer()?;
/// let functions = peer.call::<Vec<Description>>(FUNCTIONS, ()).await?;
/// let sum = functions.iter().find(|function| function.name == "math.sum").unwrap();
/// assert_eq!(sum.to_string(), "math.sum(a: i64, b: i64) -> i64");
/// assert_eq!(sum.doc, "Adds two numbers.");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// Its full name.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub doc: String,
    /// What goes each way: `unary`, `server_stream`, `client_stream` or `duplex`.
    pub shape: String,
    /// Its arguments, in order.
    #[serde(default)]
    pub parameters: Vec<Argument>,
    /// The type of its result, as it is written.
    #[serde(default)]
    pub result: String,
    /// The type of its own error; empty for none.
    #[serde(default)]
    pub error: String,
    /// The type of the items that it takes; empty for none.
    #[serde(default)]
    pub takes: String,
    /// The type of the items that it gives; empty for none.
    #[serde(default)]
    pub gives: String,
    /// Its own timeout, in milliseconds.
    #[serde(default)]
    pub timeout: Option<u64>,
    /// Whether it may be run twice without harm.
    #[serde(default)]
    pub idempotent: bool,
    /// Whether it can be called from some places only.
    #[serde(default)]
    pub private: bool,
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type, as it is written.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether it must be given.
    pub required: bool,
}

impl From<&Function> for Description {
    fn from(function: &Function) -> Self {
        let argument = |parameter: &super::Parameter| Argument {
            name: parameter.name.to_owned(),
            ty: parameter.ty.to_owned(),
            required: parameter.required,
        };
        let Returns { result, error, takes, gives } = function.returns;
        Self {
            name: function.full_name(),
            doc: function.doc.to_owned(),
            shape: function.shape.name().to_owned(),
            parameters: function.parameters.iter().map(argument).collect(),
            result: result.to_owned(),
            error: error.to_owned(),
            takes: takes.to_owned(),
            gives: gives.to_owned(),
            timeout: function.timeout.map(|timeout| timeout.as_millis() as u64),
            idempotent: function.idempotent,
            private: function.private.is_some(),
        }
    }
}

/// As one would write it in Rust: `math.sum(a: i64, b: i64) -> i64`; streams are named by what goes each way.
impl std::fmt::Display for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(", self.name)?;
        for (place, argument) in self.parameters.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            let optional = if argument.required { "" } else { "?" };
            write!(f, "{comma}{}{optional}: {}", argument.name, argument.ty)?;
        }
        f.write_str(")")?;
        if !self.takes.is_empty() {
            write!(f, " <- {}..", self.takes)?;
        }
        if !self.gives.is_empty() {
            write!(f, " -> {}..", self.gives)?;
        }
        match (self.result.as_str(), self.error.as_str()) {
            ("" | "()", "") => Ok(()),
            (result, "") => write!(f, " -> {result}"),
            ("", error) => write!(f, " -> () or {error}"),
            (result, error) => write!(f, " -> {result} or {error}"),
        }
    }
}

/// The function that lists `functions`, and itself.
pub(super) fn lister(functions: &Functions) -> Method {
    let own = Function {
        group: "asyncapy",
        module: module_path!(),
        file: file!(),
        line: line!(),
        column: column!(),
        doc: "Lists the functions that can be called.",
        idempotent: true,
        shape: Shape::Unary,
        returns: Returns::new("Vec<Description>", "", "", ""),
        ..Function::new("functions")
    };
    let mut all: Vec<_> = functions.iter().chain([&own]).map(Description::from).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    let all = std::sync::Arc::new(all);
    Method::new(
        own,
        |_| {},
        function(move |request| {
            super::no_others(request, &[])?;
            let all = all.clone();
            Ok(async move { Ok(Value((*all).clone())) })
        }),
    )
}

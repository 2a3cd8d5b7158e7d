//! `asyncapy call`: a function of a server, by name.

use std::io::{IsTerminal, Read};

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::failure::Failure;
use super::fields::{self, Field};
use super::link::Link;
use super::{json, output, runtime};
use crate::client::RpcClient;
use crate::error::Code;
use crate::rpc::{Description, FUNCTIONS, Metadata, Status};

/// Call a function and print its result as JSON.
///
/// The arguments are fields (name=text, name:=json), or a JSON map or list: --json TEXT, or - for stdin. A server stream
/// is printed an item a line; to a channel, each line of stdin goes as one JSON item.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    link: Link,

    /// The function's full name, such as math.sum
    #[arg(value_name = "FUNCTION", required_unless_present = "list")]
    function: Option<String>,

    /// Arguments: name=text, name:=json; or - alone for JSON on stdin
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<String>,

    /// The arguments as a JSON map (by name) or list (by position)
    #[arg(long, value_name = "TEXT", conflicts_with = "arguments")]
    json: Option<String>,

    /// List the functions that the server has; with FUNCTION, those alone whose names begin so
    #[arg(long, conflicts_with_all = ["json", "arguments"])]
    list: bool,

    /// Send this along as metadata: name=text
    #[arg(long, value_name = "FIELD")]
    metadata: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  asyncapy call 127.0.0.1:1500 --list
  asyncapy call 127.0.0.1:1500 math.sum a:=1 b:=2
  asyncapy call 127.0.0.1:1500 math.sum --json '[1, 2]'
  printf '\"hello\"\\n' | asyncapy call 127.0.0.1:1500 chat

Exit codes:
  0  the function has a result
  1  it has none: the error's code, message and details are printed
  2  the command line is wrong
  3  no connection, or no result in time";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    runtime()?.block_on(call(arguments))
}

async fn call(arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.link.connect_rpc().await?;
    let listed = client.call::<Vec<Description>>(FUNCTIONS, ()).await;
    if arguments.list {
        let listed = match listed {
            // A server has the function that lists them as soon as it has any other.
            Err(status) if status.code == Code::FunctionUnknown => {
                output::note("The server has no functions.");
                Vec::new()
            }
            listed => listed.map_err(|status| refused(&status))?,
        };
        return list(&listed, arguments.function.as_deref());
    }
    let function = arguments.function.as_deref().unwrap_or_default();
    // A server that lists nothing may still have the function: then it is taken for a plain one.
    let described = listed.unwrap_or_default().into_iter().find(|described| described.name == function);
    let shape = described.map_or_else(|| "unary".to_owned(), |described| described.shape);
    let takes_items = matches!(shape.as_str(), "client_stream" | "duplex");
    let values = values(arguments, takes_items)?;
    let metadata = metadata(&arguments.metadata)?;
    match shape.as_str() {
        "server_stream" => {
            let mut items = client
                .stream::<Value>(function, &values)
                .with_metadata(metadata)
                .await
                .map_err(|status| refused(&status))?;
            while let Some(item) = items.next().await {
                print(&item.map_err(|status| refused(&status))?)?;
            }
            Ok(())
        }
        "client_stream" | "duplex" => channel(&client, function, &values, metadata).await,
        _ => {
            let called = client.call::<Value>(function, &values).with_metadata(metadata);
            print(&called.await.map_err(|status| refused(&status))?)
        }
    }
}

/// Sends each line of stdin as an item, prints each item that comes, and then the result.
async fn channel(
    client: &RpcClient,
    function: &str,
    values: &Value,
    metadata: Metadata,
) -> Result<(), Failure> {
    let opened = client.channel::<Value, Value>(function, values).with_metadata(metadata);
    let (sender, mut receiver) = opened.await.map_err(|status| refused(&status))?.split();
    let sending = async move {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        loop {
            let line = lines.next_line().await.map_err(|error| Failure::usage(format!("stdin: {error}")))?;
            let Some(line) = line else { return Ok::<_, Failure>(sender) };
            if line.trim().is_empty() {
                continue;
            }
            let item: Value = serde_json::from_str(&line)
                .map_err(|error| Failure::usage(format!("{line:?} is no JSON: {error}")))?;
            // A function that takes no more says so by its result.
            if sender.send(item).await.is_err() {
                return Ok(sender);
            }
        }
    };
    let receiving = async {
        while let Some(item) = receiver.recv().await.map_err(|status| refused(&status))? {
            print(&item)?;
        }
        let result: Value = receiver.result().await.map_err(|status| refused(&status))?;
        if !result.is_null() {
            print(&result)?;
        }
        Ok::<_, Failure>(())
    };
    let mut receiving = std::pin::pin!(receiving);
    tokio::select! {
        received = &mut receiving => return received,
        sent = sending => drop(sent?),
    }
    receiving.await
}

fn list(functions: &[Description], prefix: Option<&str>) -> Result<(), Failure> {
    let prefix = prefix.unwrap_or_default();
    for function in functions.iter().filter(|function| function.name.starts_with(prefix)) {
        let private = if function.private { "  (private)" } else { "" };
        output::line(&json::plain(&format!("{function}{private}")))?;
        for line in function.doc.lines() {
            output::line(&json::plain(&format!("    {line}")))?;
        }
    }
    Ok(())
}

/// The arguments of the call; stdin is not read for them where it has the items.
fn values(arguments: &Arguments, takes_items: bool) -> Result<Value, Failure> {
    let text = match (&arguments.json, arguments.arguments.as_slice()) {
        (Some(text), _) => text.clone(),
        (None, [dash]) if dash == "-" && takes_items => {
            return Err(Failure::usage("stdin has the items of this function: give its arguments by --json"));
        }
        (None, [dash]) if dash == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::usage(format!("stdin: {error}")))?;
            text
        }
        (None, texts) => return Ok(Value::Object(map(texts)?)),
    };
    match serde_json::from_str(&text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Ok(value),
        Ok(_) => Err(Failure::usage("arguments are a JSON map or list, such as {\"a\": 1} or [1]")),
        Err(error) => Err(Failure::usage(format!("the arguments are no JSON: {error}"))),
    }
}

fn map(texts: &[String]) -> Result<Map<String, Value>, Failure> {
    let fields = texts.iter().map(|text| fields::parse(text).map_err(|why| format!("{text:?}: {why}")));
    let fields: Vec<Field> = fields.collect::<Result<_, _>>().map_err(Failure::usage)?;
    fields::map(&fields).map_err(Failure::usage)
}

fn metadata(texts: &[String]) -> Result<Metadata, Failure> {
    let mut metadata = Metadata::default();
    for text in texts {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::usage(format!("{text:?}: metadata are name=text")));
        };
        metadata.insert(name.to_owned(), value.to_owned());
    }
    Ok(metadata)
}

fn print(value: &Value) -> Result<(), Failure> {
    Ok(output::line(&json::lay_out(&value.to_string(), std::io::stdout().is_terminal()))?)
}

/// What a call without a result comes to.
fn refused(status: &Status) -> Failure {
    if matches!(status.code, Code::Unavailable | Code::DeadlineExceeded) {
        return Failure::connection(json::plain(&status.to_string()));
    }
    let details = status.details::<Value>().map_or_else(|_| String::new(), |details| format!("\n{details}"));
    Failure::failed(json::plain(&format!("{status}{details}")))
}

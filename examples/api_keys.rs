//! API keys: issued, used, updated, reissued, revoked; kept on disk.

use asyncapy::prelude::*;
use asyncapy::security::ApiKeys;

#[derive(Deserialize, Serialize)]
struct Plan {
    customer: String,
    requests: u32,
}

/// Reached only with a valid key in the field `key`.
#[handler(fields(key, question), api_key(field = "key"))]
async fn answer(#[field] key: String, State(keys): State<ApiKeys>) -> Result<serde_json::Value> {
    // What comes from the disk is read on the blocking pool.
    let plan = asyncapy::blocking(move || keys.get_as::<Plan>(&key)).await?;
    Ok(json!({"answer": 42, "customer": plan.map(|plan| plan.customer)}))
}

#[tokio::main]
async fn main() -> Result<()> {
    let file = std::env::temp_dir().join(format!("asyncapy-keys-{}.redb", std::process::id()));
    let keys = ApiKeys::open(&file)?;
    let key = keys.issue(Plan { customer: "acme".to_owned(), requests: 1_000 })?;
    println!("issued {}...", &key.as_str()[..20]);

    let client = Server::builder().register(answer).state(keys.clone()).build()?.test_client().await?;
    let ask = async |key: &str| {
        client.send(&json!({"key": key, "question": "the ultimate one"})).await?;
        client.receive().await
    };
    assert_eq!(ask(key.as_str()).await?["customer"], "acme");

    keys.update(key.as_str(), Plan { customer: "acme and sons".to_owned(), requests: 2_000 })?;
    let new = keys.reissue(key.as_str())?;
    assert_eq!(ask(key.as_str()).await?["error"], "ERR_NO_HANDLER", "the old key is dead");
    let reply = ask(new.as_str()).await?;
    println!("with the reissued key: {reply}");
    assert_eq!(reply["customer"], "acme and sons");

    keys.revoke(new.as_str())?;
    assert_eq!(ask(new.as_str()).await?["error"], "ERR_NO_HANDLER");
    println!("revoked");
    std::fs::remove_file(&file)?;
    Ok(())
}

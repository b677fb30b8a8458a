use crate::keyvalue::{batch_request::item::Operation, batch_request::Item, batch_response::item::Reply, *};
use futures_util::StreamExt;
use prost::Message;
mod client;
mod keyvalue {
    include!(concat!(env!("OUT_DIR"), "/keyvalue.rs"));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (kv, key) = (client::Client::connect().await?, "greeting".to_string());
    let set = |value: &str| SetRequest { key: key.clone(), value: value.into(), ..Default::default() };
    kv.call::<SetResponse>("Set", set("hello")).await?;
    let got = kv.call::<GetResponse>("Get", GetRequest { key: key.clone() }).await?.value;
    println!("Get: {}", String::from_utf8(got)?);
    let push = ListPushRequest { key: key.clone(), value: b"no list".into() };
    println!("Push: {}", kv.call::<ListResponse>("Push", push).await.unwrap_err());
    let visit = Operation::Increment(IncrementRequest { key: "visits".into(), delta: 1 });
    let requests = [visit, Operation::Get(GetRequest { key: key.clone() })].map(|it| Item { operation: Some(it) }).into();
    let batch = BatchRequest { requests, atomic: true, ..Default::default() };
    let mut done = kv.call::<BatchResponse>("Batch", batch).await?.replies.into_iter().flat_map(|one| one.reply);
    if let (Some(Reply::Increment(visits)), Some(Reply::Get(got))) = (done.next(), done.next()) {
        println!("Batch: {} {}", visits.value, String::from_utf8(got.value)?);
    }
    let inbox = kv.nats.new_inbox();
    let mut told = kv.nats.subscribe(inbox.clone()).await?;
    let watch = WatchRequest { key: key.clone(), values: true, ..Default::default() }.encode_to_vec();
    kv.nats.publish_with_reply_and_headers(kv.subject("Watch"), inbox, kv.claims.clone(), watch.into()).await?;
    while let Some(message) = told.next().await {
        let change = WatchResponse::decode(message.payload)?;
        println!("Watch: {} {}", change.event, String::from_utf8_lossy(&change.value));
        if change.event == "sync" {
            kv.call::<SetResponse>("Set", set("goodbye")).await?;
        } else if change.value == b"goodbye" {
            break;
        }
    }
    Ok(())
}

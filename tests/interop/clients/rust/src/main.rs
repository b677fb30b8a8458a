//! Calls every operation through the code that prost makes of proto/keyvalue.proto and proto/core.proto.
//! usage: keyvalue-client CHECKS, which is the file that ../run.sh writes
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use async_nats::HeaderMap;
use futures_util::StreamExt;
use prost::Message;
use serde_json::Value;

pub mod keyvalue {
    include!(concat!(env!("OUT_DIR"), "/keyvalue.rs"));
    include!(concat!(env!("OUT_DIR"), "/keyvalue.serde.rs"));
}

pub mod host {
    include!(concat!(env!("OUT_DIR"), "/core.rs"));
    include!(concat!(env!("OUT_DIR"), "/core.serde.rs"));
}

pub type Failure = Box<dyn Error>;

/// An error that the provider answered with.
#[derive(Debug)]
struct Refusal {
    code: i64,
    text: String,
    body: Vec<u8>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl Error for Refusal {}

/// Sends requests in the name of one caller.
#[derive(Clone)]
pub struct Client {
    nats: async_nats::Client,
    subject: String,
    headers: HeaderMap,
    called: Rc<RefCell<HashSet<String>>>,
    duplicate: Cell<bool>,
}

impl Client {
    fn new(nats: &async_nats::Client, caller: &Value) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(claims) = caller["claims"].as_str().filter(|claims| !claims.is_empty()) {
            headers.insert("Wascc-Claims", claims);
        }
        let subject = caller["subject"].as_str().unwrap_or_default().to_string();
        Client { nats: nats.clone(), subject, headers, called: Rc::default(), duplicate: Cell::new(false) }
    }

    fn with_id(&self, id: Option<&str>) -> Self {
        let mut client = self.clone();
        if let Some(id) = id {
            client.headers.insert("Nats-Msg-Id", id);
        }
        client
    }

    pub async fn ask<R: Message + Default>(&self, operation: &str, request: &impl Message) -> Result<R, Failure> {
        self.called.borrow_mut().insert(operation.to_string());
        let subject = format!("{}.{operation}", self.subject);
        let payload = request.encode_to_vec().into();
        let answer = self.nats.request_with_headers(subject, self.headers.clone(), payload);
        let answer = tokio::time::timeout(Duration::from_secs(10), answer).await??;
        let told = answer.headers.unwrap_or_default();
        if let Some(code) = told.get("Nats-Service-Error-Code") {
            let text = told.get("Nats-Service-Error").map(|text| text.to_string()).unwrap_or_default();
            return Err(Box::new(Refusal { code: code.as_str().parse()?, text, body: answer.payload.to_vec() }));
        }
        self.duplicate.set(told.get("Wascc-Duplicate").is_some_and(|told| told.as_str() == "true"));
        Ok(R::decode(answer.payload)?)
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(got: T, wanted: T) -> Result<(), Failure> {
    if got != wanted {
        return Err(format!("got {got:?}\nwanted {wanted:?}").into());
    }
    Ok(())
}

fn refusal_of<T: std::fmt::Debug>(answer: Result<T, Failure>) -> Result<Refusal, Failure> {
    match answer {
        Ok(reply) => Err(format!("it was answered: {reply:?}").into()),
        Err(failure) => Ok(*failure.downcast::<Refusal>()?),
    }
}

fn check_refusal(answer: Result<Value, Failure>, step: &Value) -> Result<(), Failure> {
    let refusal = refusal_of(answer)?;
    equal(Some(refusal.code), step["refused"].as_i64())?;
    let says = step["says"].as_str().unwrap_or_default();
    if !refusal.text.starts_with(says) {
        equal(refusal.text.as_str(), says)?;
    }
    let body = format!("Failed ({}): {}", refusal.code, refusal.text);
    equal(String::from_utf8_lossy(&refusal.body).into_owned(), body)?;
    if keyvalue::GetResponse::decode(refusal.body.as_slice()).is_ok() {
        return Err("a reader takes the error for a message".into());
    }
    Ok(())
}

async fn take_step(clients: &HashMap<String, Client>, step: &Value) -> Result<(), Failure> {
    let client = clients[step["as"].as_str().unwrap_or("actor")].with_id(step["id"].as_str());
    let operation = step["call"].as_str().unwrap_or_default();
    let answer = match keyvalue::call(&client, operation, step["with"].clone()).await {
        Some(answer) => answer,
        None => host::call(&client, operation, step["with"].clone()).await.ok_or("no such operation")?,
    };
    if step["refused"].is_number() {
        return check_refusal(answer, step);
    }
    let mut reply = answer?;
    if let (true, Some(members)) = (operation.starts_with("Set"), reply.get_mut("values").and_then(Value::as_array_mut)) {
        members.sort_by_key(|member| member.to_string());
    }
    equal(&reply, &step["gives"])?;
    equal(client.duplicate.get(), step["duplicate"] == true)
}

async fn take_steps(clients: &HashMap<String, Client>, steps: &Value) -> Result<(), Failure> {
    for step in steps.as_array().ok_or("a check has steps")? {
        take_step(clients, step).await.map_err(|failure| format!("{step}\n{failure}"))?;
    }
    Ok(())
}

async fn values_are_bytes(kv: &Client) -> Result<(), Failure> {
    let value = vec![0, 255, 128, 10];
    let request = keyvalue::SetRequest { key: "bytes".into(), value: value.clone(), ..Default::default() };
    keyvalue::set(kv, request).await?;
    let reply = keyvalue::get(kv, keyvalue::GetRequest { key: "bytes".into() }).await?;
    equal(reply, keyvalue::GetResponse { value, exists: true })
}

async fn time_to_live(kv: &Client) -> Result<(), Failure> {
    let request = keyvalue::SetRequest { key: "short".into(), expires_ms: 60000, ..Default::default() };
    keyvalue::set(kv, request).await?;
    let reply = keyvalue::time_to_live(kv, keyvalue::TimeToLiveRequest { key: "short".into() }).await?;
    equal(reply.exists && (1..=60000).contains(&reply.expires_in_ms), true)
}

async fn pages(kv: &Client) -> Result<(), Failure> {
    let members = ["a", "b", "c", "d", "e"];
    for member in members {
        let (key, value) = (format!("page/{member}"), member.into());
        keyvalue::set(kv, keyvalue::SetRequest { key, value, ..Default::default() }).await?;
        keyvalue::set_add(kv, keyvalue::SetAddRequest { key: "paged".into(), value: member.into() }).await?;
    }
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let mut cursor = String::new();
    while keys.is_empty() || !cursor.is_empty() {
        let request = keyvalue::ListKeysRequest { prefix: "page/".into(), limit: 2, cursor };
        let page = keyvalue::list_keys(kv, request).await?;
        keys.extend(page.keys);
        cursor = page.cursor;
    }
    while values.is_empty() || !cursor.is_empty() {
        let request = keyvalue::SetQueryRequest { key: "paged".into(), limit: 2, cursor };
        let page = keyvalue::set_query(kv, request).await?;
        values.extend(page.values);
        cursor = page.cursor;
    }
    keys.sort();
    values.sort();
    equal(keys, members.map(|member| format!("page/{member}")).to_vec())?;
    equal(values, members.map(Vec::from).to_vec())
}

async fn too_many_items(kv: &Client) -> Result<(), Failure> {
    use keyvalue::batch_request::{item::Operation, Item};
    let get = keyvalue::GetRequest { key: "bytes".into() };
    let mut request = keyvalue::BatchRequest {
        requests: vec![Item { operation: Some(Operation::Get(get)) }; 4096],
        ..Default::default()
    };
    equal(keyvalue::batch(kv, request.clone()).await?.replies.len(), 4096)?;
    request.requests.push(request.requests[0].clone());
    equal(refusal_of(keyvalue::batch(kv, request).await)?.code, 413)
}

/// The events of one watch.
struct Watch {
    client: Client,
    inbox: String,
    events: async_nats::Subscriber,
}

impl Watch {
    async fn ask(&self, subject: String, lease_ms: u32) -> Result<(), Failure> {
        let request = keyvalue::WatchRequest { key: "watched".into(), values: true, lease_ms, ..Default::default() };
        let (headers, payload) = (self.client.headers.clone(), request.encode_to_vec().into());
        let nats = &self.client.nats;
        Ok(nats.publish_with_reply_and_headers(subject, self.inbox.clone(), headers, payload).await?)
    }

    async fn next(&mut self, event: &str, value: &str, number: u64) -> Result<keyvalue::WatchResponse, Failure> {
        let message = tokio::time::timeout(Duration::from_secs(10), self.events.next()).await?;
        let told = keyvalue::WatchResponse::decode(message.ok_or("the subscription is over")?.payload)?;
        equal((told.event.as_str(), told.value.as_slice(), told.number), (event, value.as_bytes(), number))?;
        Ok(told)
    }
}

async fn watch(kv: &Client) -> Result<(), Failure> {
    let inbox = kv.nats.new_inbox();
    let events = kv.nats.subscribe(inbox.clone()).await?;
    let mut watch = Watch { client: kv.clone(), inbox, events };
    let put = |value: &str| keyvalue::SetRequest { key: "watched".into(), value: value.into(), ..Default::default() };
    keyvalue::set(kv, put("old")).await?;
    watch.ask(format!("{}.Watch", kv.subject), 0).await?;
    equal(watch.next("put", "old", 1).await?.key.as_str(), "watched")?;
    let renew = watch.next("sync", "", 2).await?.renew;
    keyvalue::set(kv, put("new")).await?;
    keyvalue::del(kv, keyvalue::DelRequest { key: "watched".into() }).await?;
    watch.next("put", "new", 3).await?;
    watch.next("delete", "", 4).await?;
    watch.ask(renew, 1).await?;
    watch.next("end", "", 5).await?;
    Ok(())
}

async fn capability_descriptor(client: &Client) -> Result<(), Failure> {
    let descriptor = host::get_capability_descriptor(client, host::Empty {}).await?;
    equal(descriptor.id.as_str(), "wascc:keyvalue")?;
    let batch = descriptor.supported_operations.iter().find(|operation| operation.name == "Batch");
    equal(batch.map(|batch| batch.direction()), Some(host::OperationDirection::ToProvider))
}

async fn every_operation(clients: &HashMap<String, Client>) -> Result<(), Failure> {
    let called = |name: &&&str| clients.values().any(|client| client.called.borrow().contains(**name));
    let missed: Vec<_> = keyvalue::OPERATIONS.iter().chain(host::OPERATIONS).filter(|name| !called(name)).collect();
    equal(missed, Vec::new())
}

async fn check(what: &str, test: impl Future<Output = Result<(), Failure>>) -> bool {
    let result = test.await;
    match &result {
        Ok(()) => println!("ok rust: {what}"),
        Err(failure) => println!("not ok rust: {what}\n{failure}"),
    }
    result.is_ok()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let file = std::env::args().nth(1).ok_or("usage: keyvalue-client CHECKS")?;
    let told: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let nats = async_nats::connect(told["server"].as_str().unwrap_or_default()).await?;
    let callers = told["callers"].as_object().ok_or("there are callers")?;
    let clients = callers.iter().map(|(name, caller)| (name.clone(), Client::new(&nats, caller))).collect();
    let mut passed = true;
    for one in told["checks"].as_array().ok_or("there are checks")? {
        passed &= check(one["what"].as_str().unwrap_or_default(), take_steps(&clients, &one["steps"])).await;
    }
    let kv = &clients["actor"];
    passed &= check("values are bytes", values_are_bytes(kv)).await;
    passed &= check("a time to live", time_to_live(kv)).await;
    passed &= check("keys and members page by page", pages(kv)).await;
    passed &= check("a Batch of too many items", too_many_items(kv)).await;
    passed &= check("Watch", watch(kv)).await;
    passed &= check("GetCapabilityDescriptor", capability_descriptor(&clients["host"])).await;
    passed &= check("every operation was called", every_operation(&clients)).await;
    std::process::exit(i32::from(!passed));
}

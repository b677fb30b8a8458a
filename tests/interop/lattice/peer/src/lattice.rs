//! What a host does on a lattice: its subjects, its invocations, and the time that it gives an answer.

use lattice_host::{Entity, Invocation, InvocationResponse, CAPABILITY};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wascap::jwt::{Actor, Claims};
use wascap::prelude::KeyPair;
use wascc_codec::core::*;
use wascc_codec::{deserialize, serialize, SYSTEM_ACTOR};

/// LATTICE_RPC_TIMEOUT_MILLIS of a host that was told nothing else.
pub const RPC_TIMEOUT: Duration = Duration::from_millis(600);
/// How long the peer itself waits: a machine that is slow or busy fails no test by that.
pub const PATIENCE: Duration = Duration::from_secs(60);

static ANSWERS: AtomicUsize = AtomicUsize::new(0);
static LATE_ANSWERS: AtomicUsize = AtomicUsize::new(0);

/// Whether a host would have had its answers. Other processes may have the processors at times.
pub fn in_time() -> Result<(), String> {
    let (answers, late) = (ANSWERS.load(Ordering::Relaxed), LATE_ANSWERS.load(Ordering::Relaxed));
    if late <= answers / 10 {
        Ok(())
    } else {
        Err(format!("{} of {} took longer", late, answers))
    }
}

pub struct Lattice {
    pub nats: nats::Connection,
    pub address: String,
    pub namespace: Option<String>,
    pub binding: String,
    pub host: KeyPair,
    pub account: KeyPair,
}

/// An actor as a host has loaded it.
pub struct LoadedActor {
    pub key: String,
    pub claims: Claims<Actor>,
}

impl LoadedActor {
    pub fn new(account: &KeyPair, name: &str) -> LoadedActor {
        let key = KeyPair::new_module().public_key();
        let caps = vec!["wascc:http_server".to_string(), CAPABILITY.to_string()];
        let tags = Some(vec!["a".to_string(), "ß".to_string()]);
        let claims = Claims::<Actor>::new(
            name.to_string(),
            account.public_key(),
            key.clone(),
            Some(caps),
            tags,
            false,
            Some(1),
            Some("1.0".to_string()),
        );
        LoadedActor { key, claims }
    }

    /// The values that a host adds to those that it was given.
    pub fn binding_values(&self, given: &[(&str, &str)]) -> HashMap<String, String> {
        let metadata = self.claims.metadata.clone().unwrap_or_default();
        let own = [
            (CONFIG_WASCC_CLAIMS_ISSUER, self.claims.issuer.clone()),
            (CONFIG_WASCC_CLAIMS_CAPABILITIES, metadata.caps.unwrap_or_default().join(",")),
            (CONFIG_WASCC_CLAIMS_NAME, self.claims.name()),
            (CONFIG_WASCC_CLAIMS_EXPIRES, self.claims.expires.unwrap_or(0).to_string()),
            (CONFIG_WASCC_CLAIMS_TAGS, metadata.tags.unwrap_or_default().join(",")),
        ];
        let mut values: HashMap<String, String> =
            given.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        values.extend(own.iter().map(|(name, value)| (name.to_string(), value.clone())));
        values
    }
}

impl Lattice {
    pub fn prefix(&self) -> String {
        self.namespace.as_ref().map_or("wasmbus".to_string(), |ns| format!("{}.wasmbus", ns))
    }

    pub fn own_subject(&self) -> String {
        format!("{}.provider.{}.{}", self.prefix(), CAPABILITY.replace(':', "."), self.binding)
    }

    pub fn actor_subject(&self, actor: &str) -> String {
        format!("{}.{}", self.own_subject(), actor)
    }

    pub fn from_actor(&self, actor: &str, operation: &str, msg: Vec<u8>) -> Invocation {
        Invocation::new(&self.host, Entity::actor(actor), Entity::keyvalue(&self.binding), operation, msg)
    }

    pub fn from_system(&self, operation: &str, msg: Vec<u8>) -> Invocation {
        self.from_actor(SYSTEM_ACTOR, operation, msg)
    }

    pub fn configuration(module: &str, values: HashMap<String, String>) -> Vec<u8> {
        let message = CapabilityConfiguration { module: module.to_string(), values };
        serialize(message).expect("a configuration is written")
    }

    /// The answer to any bytes.
    pub fn ask(&self, subject: &str, bytes: &[u8]) -> Result<InvocationResponse, String> {
        let begun = Instant::now();
        let reply = self
            .nats
            .request_timeout(subject, bytes, PATIENCE)
            .map_err(|e| format!("no answer after {} ms: {}", begun.elapsed().as_millis(), e))?;
        ANSWERS.fetch_add(1, Ordering::Relaxed);
        LATE_ANSWERS.fetch_add((begun.elapsed() > RPC_TIMEOUT) as usize, Ordering::Relaxed);
        if reply.headers.is_some() {
            return Err("the reply has headers, which a host of that day may choke on".to_string());
        }
        deserialize(&reply.data).map_err(|e| e.to_string())
    }

    pub fn invoke(&self, subject: &str, invocation: &Invocation) -> Result<InvocationResponse, String> {
        let bytes = serialize(invocation).map_err(|e| e.to_string())?;
        let response = self.ask(subject, &bytes)?;
        if response.invocation_id != invocation.id {
            return Err(format!(
                "the answer is to {:?} and not to {:?}",
                response.invocation_id, invocation.id
            ));
        }
        Ok(response)
    }

    /// The reply's message where there is no error.
    pub fn call(&self, subject: &str, invocation: &Invocation) -> Result<Vec<u8>, String> {
        let response = self.invoke(subject, invocation)?;
        match response.error {
            Some(error) => Err(format!("error: {}", error)),
            None => Ok(response.msg),
        }
    }

    /// The error's text, with which nothing else may come.
    pub fn refusal(&self, subject: &str, invocation: &Invocation) -> Result<String, String> {
        refusal(self.invoke(subject, invocation)?)
    }
}

pub fn refusal(response: InvocationResponse) -> Result<String, String> {
    match response.error {
        None => Err("it was accepted".to_string()),
        Some(error) if error.is_empty() => Err("the error is empty".to_string()),
        Some(_) if !response.msg.is_empty() => Err("an error came with a message".to_string()),
        Some(error) => Ok(error),
    }
}

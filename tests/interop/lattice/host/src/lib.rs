//! What wascc-host 0.14 puts on a lattice: its types by the names and the order of their fields, the URLs, the hash and
//! the claims. That crate cannot be a dependency here, for it brings a WebAssembly engine with it; these are the few of
//! its types that travel.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use wascap::jwt::{validate_token, Claims};
use wascap::prelude::KeyPair;

pub const CAPABILITY: &str = "wascc:keyvalue";

/// Who calls or is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Entity {
    Actor(String),
    Capability { capid: String, binding: String },
}

impl Entity {
    pub fn actor(key: &str) -> Entity {
        Entity::Actor(key.to_string())
    }

    pub fn keyvalue(binding: &str) -> Entity {
        Entity::Capability { capid: CAPABILITY.to_string(), binding: binding.to_string() }
    }

    /// The capability and the binding are spelt in lower case, an actor's key as it stands.
    pub fn url(&self) -> String {
        match self {
            Entity::Actor(key) => format!("wasmbus://{}", key),
            Entity::Capability { capid, binding } => format!(
                "wasmbus://{}/{}",
                capid.replace(':', "/").replace(' ', "_").to_lowercase(),
                binding.replace(' ', "_").to_lowercase()
            ),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    pub origin: Entity,
    pub target: Entity,
    pub operation: String,
    pub msg: Vec<u8>,
    pub id: String,
    pub encoded_claims: String,
    pub host_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InvocationResponse {
    pub msg: Vec<u8>,
    pub error: Option<String>,
    pub invocation_id: String,
}

pub fn hash(origin_url: &str, target_url: &str, msg: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(origin_url.as_bytes());
    digest.update(target_url.as_bytes());
    digest.update(msg);
    digest.finalize().iter().map(|byte| format!("{:02X}", byte)).collect()
}

pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or(0)
}

impl Invocation {
    /// As a host makes it: with an id of its own, issued now, without an end.
    pub fn new(host: &KeyPair, origin: Entity, target: Entity, operation: &str, msg: Vec<u8>) -> Invocation {
        let id = uuid::Uuid::new_v4().to_string();
        let mut invocation = Invocation::unsigned(origin, target, operation, msg, &id);
        let claims = invocation.claims(&host.public_key());
        invocation.sign(host, &claims);
        invocation
    }

    pub fn unsigned(origin: Entity, target: Entity, operation: &str, msg: Vec<u8>, id: &str) -> Invocation {
        Invocation {
            origin,
            target,
            operation: operation.to_string(),
            msg,
            id: id.to_string(),
            encoded_claims: String::new(),
            host_id: String::new(),
        }
    }

    pub fn origin_url(&self) -> String {
        self.origin.url()
    }

    pub fn target_url(&self) -> String {
        format!("{}/{}", self.target.url(), self.operation)
    }

    pub fn hash(&self) -> String {
        hash(&self.origin_url(), &self.target_url(), &self.msg)
    }

    /// The claims that hold for this invocation, issued now.
    pub fn claims(&self, issuer: &str) -> Claims<wascap::jwt::Invocation> {
        Claims::<wascap::jwt::Invocation>::new(
            issuer.to_string(),
            self.id.clone(),
            &self.target_url(),
            &self.origin_url(),
            &self.hash(),
        )
    }

    /// Signs these claims, which may be others than those that hold, and names the host as the sender.
    pub fn sign(&mut self, host: &KeyPair, claims: &Claims<wascap::jwt::Invocation>) {
        self.encoded_claims = claims.encode(host).expect("a key pair with its seed signs");
        self.host_id = host.public_key();
    }

    /// What a host checks of an invocation that it receives, in its order.
    pub fn check(&self) -> Result<(), String> {
        let valid =
            validate_token::<wascap::jwt::Invocation>(&self.encoded_claims).map_err(|e| e.to_string())?;
        let claims =
            Claims::<wascap::jwt::Invocation>::decode(&self.encoded_claims).map_err(|e| e.to_string())?;
        // A host takes it for granted too.
        let metadata = claims.metadata.expect("wascap claims");
        let rules = [
            (!valid.expired, "expired"),
            (valid.signature_valid, "bad signature"),
            (!valid.cannot_use_yet, "not yet valid"),
            (metadata.invocation_hash == self.hash(), "another hash"),
            (claims.subject == self.id, "another id"),
            (claims.issuer == self.host_id, "another host"),
            (metadata.target_url == self.target_url(), "another target"),
            (metadata.origin_url == self.origin_url(), "another origin"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, why)) => Err(why.to_string()),
            None => Ok(()),
        }
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(BASE32[(held >> bits & 31) as usize] as char);
        }
    }
    if bits > 0 {
        text.push(BASE32[(held << (5 - bits) & 31) as usize] as char);
    }
    text
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8)
            .fold(crc ^ u16::from(*byte) << 8, |c, _| if c & 0x8000 != 0 { c << 1 ^ 0x1021 } else { c << 1 })
    })
}

/// The key pair whose 32 seed bytes are all `fill`, for vectors that are the same each time. `letter` is that of the
/// public key: A, M or N.
pub fn fixed_key(letter: char, fill: u8) -> KeyPair {
    let kind = (letter as u8 - b'A') << 3;
    let mut raw = vec![18 << 3 | kind >> 5, (kind & 31) << 3];
    raw.extend([fill; 32]);
    let crc = crc16(&raw);
    raw.extend(crc.to_le_bytes());
    KeyPair::from_seed(&base32(&raw)).expect("a seed that is spelt rightly is read")
}

//! NATS_URL, WASCC_KEYVALUE_ACTOR (M...) and WASCC_KEYVALUE_CLAIMS (a file) say where and as whom.
use prost::Message;
use std::{env, error::Error, fs};

pub struct Client {
    pub nats: async_nats::Client,
    pub claims: async_nats::HeaderMap,
    base: String,
}

impl Client {
    pub async fn connect() -> Result<Client, Box<dyn Error>> {
        let nats = async_nats::connect(env::var("NATS_URL")?).await?;
        let mut claims = async_nats::HeaderMap::new();
        let token = fs::read_to_string(env::var("WASCC_KEYVALUE_CLAIMS")?)?;
        claims.insert("Wascc-Claims", token.trim());
        let actor = env::var("WASCC_KEYVALUE_ACTOR")?;
        Ok(Client { nats, claims, base: format!("wasmbus.provider.wascc.keyvalue.default.{actor}") })
    }

    pub fn subject(&self, operation: &str) -> String {
        format!("{}.{operation}", self.base)
    }

    pub async fn call<Reply: Message + Default>(&self, operation: &str, request: impl Message) -> Result<Reply, Box<dyn Error>> {
        let (subject, body) = (self.subject(operation), request.encode_to_vec().into());
        let answer = self.nats.request_with_headers(subject, self.claims.clone(), body).await?;
        let told = answer.headers.unwrap_or_default();
        match (told.get("Nats-Service-Error-Code"), told.get("Nats-Service-Error")) {
            (Some(code), Some(text)) => Err(format!("{code} {text}").into()),
            _ => Ok(Reply::decode(answer.payload)?),
        }
    }
}

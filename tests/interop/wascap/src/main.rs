//! Mints and judges tokens with the published crates `wascap` and `nkeys`, so that the C code can be held against them.
//!
//! `mint` writes lines, each a word and what belongs to it:
//!   key KIND PUBLIC SEED
//!   actor ISSUER SUBJECT EXPIRES-OR-0 TOKEN
//!   invocation HOST ID TARGET-URL ORIGIN-URL HASH TOKEN
//! `judge` reads such lines and writes one line for each: `ok`, or `bad` and why.

use std::io::BufRead;
use wascap::jwt::{validate_token, Actor, Claims, Invocation};
use wascap::prelude::KeyPair;

const HASH: &str = "1B965BC38F211A1261428D9BDA3217C96B3A9BBC45834E8AEE1C149378ED9E84";

fn text(error: impl std::fmt::Display) -> String {
    error.to_string().replace('\n', " ")
}

fn print_key(kind: &str, pair: &KeyPair) -> Result<(), String> {
    println!("key {} {} {}", kind, pair.public_key(), pair.seed().map_err(text)?);
    Ok(())
}

fn print_actor(account: &KeyPair, caps: Vec<String>, expires: Option<u64>, rich: bool) -> Result<(), String> {
    let module = KeyPair::new_module();
    let claims = Claims::<Actor>::with_dates(
        if rich { "Käse \"quoted\" \u{1F9C0}" } else { "plain" }.to_string(),
        account.public_key(),
        module.public_key(),
        Some(caps),
        if rich { Some(vec!["a".into(), "ß".into()]) } else { None },
        None,
        expires,
        false,
        if rich { Some(7) } else { None },
        if rich { Some("1.2.3".into()) } else { None },
    );
    let token = claims.encode(account).map_err(text)?;
    println!("actor {} {} {} {}", account.public_key(), module.public_key(), expires.unwrap_or(0), token);
    Ok(())
}

fn print_invocation(id: &str) -> Result<(), String> {
    let host = KeyPair::new_server();
    let origin = format!("wasmbus://{}", KeyPair::new_module().public_key());
    let target = "wasmbus://wascc/keyvalue/default/Get";
    let claims = Claims::<Invocation>::new(host.public_key(), id.to_string(), target, &origin, HASH);
    let token = claims.encode(&host).map_err(text)?;
    println!("invocation {} {} {} {} {} {}", host.public_key(), id, target, origin, HASH, token);
    Ok(())
}

fn mint() -> Result<(), String> {
    for _ in 0..20 {
        print_key("account", &KeyPair::new_account())?;
        print_key("module", &KeyPair::new_module())?;
        print_key("host", &KeyPair::new_server())?;
        print_key("operator", &KeyPair::new_operator())?;
        print_key("provider", &KeyPair::new_service())?;
    }
    for i in 0..20 {
        let account = KeyPair::new_account();
        let caps = vec!["wascc:http_server".to_string(), "wascc:keyvalue".to_string()];
        let expires = if i % 2 == 0 { None } else { Some(4_000_000_000) };
        print_actor(&account, caps, expires, i % 3 == 0)?;
        print_invocation(&format!("id-{}", i))?;
    }
    Ok(())
}

fn expect(what: &str, got: &str, wanted: &str) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{} is {} and not {}", what, got, wanted))
}

/// What `wascap` finds wrong with a token, its times included.
fn check_valid<T>(token: &str) -> Result<(), String>
where
    T: serde::Serialize + serde::de::DeserializeOwned + wascap::jwt::WascapEntity,
{
    let valid = validate_token::<T>(token).map_err(text)?;
    if !valid.signature_valid || valid.expired || valid.cannot_use_yet {
        return Err("signature or times do not hold".to_string());
    }
    Ok(())
}

fn judge(words: &[&str]) -> Result<(), String> {
    match words {
        ["key", kind, public, seed] => {
            let pair = KeyPair::from_seed(seed).map_err(text)?;
            expect("public key", &pair.public_key(), public)?;
            expect("seed", &pair.seed().map_err(text)?, seed)?;
            let letter = match *kind {
                "account" => "A",
                "module" => "M",
                "host" => "N",
                "operator" => "O",
                _ => "V",
            };
            expect("letter", &public[..1], letter)?;
            KeyPair::from_public_key(public).map(|_| ()).map_err(text)
        }
        ["actor", issuer, subject, expires, token] => {
            check_valid::<Actor>(token)?;
            let claims = Claims::<Actor>::decode(token).map_err(text)?;
            expect("issuer", &claims.issuer, issuer)?;
            expect("subject", &claims.subject, subject)?;
            expect("expires", &claims.expires.unwrap_or(0).to_string(), expires)?;
            let caps = claims.metadata.and_then(|m| m.caps).unwrap_or_default();
            expect("caps", &caps.join(","), "wascc:http_server,wascc:keyvalue")
        }
        ["invocation", host, id, target, origin, hash, token] => {
            check_valid::<Invocation>(token)?;
            let claims = Claims::<Invocation>::decode(token).map_err(text)?;
            expect("issuer", &claims.issuer, host)?;
            expect("id", &claims.subject, id)?;
            let metadata = claims.metadata.ok_or("no wascap")?;
            expect("target_url", &metadata.target_url, target)?;
            expect("origin_url", &metadata.origin_url, origin)?;
            expect("hash", &metadata.invocation_hash, hash)
        }
        _ => Err("no such line".to_string()),
    }
}

fn main() -> Result<(), String> {
    match std::env::args().nth(1).as_deref() {
        Some("mint") => mint(),
        Some("judge") => {
            for line in std::io::stdin().lock().lines() {
                let line = line.map_err(text)?;
                let words: Vec<&str> = line.split(' ').collect();
                match judge(&words) {
                    Ok(()) => println!("ok"),
                    Err(why) => println!("bad {}", why),
                }
            }
            Ok(())
        }
        _ => Err("mint or judge".to_string()),
    }
}

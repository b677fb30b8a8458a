//! Reads data/hostile.json. Its notation of bytes is described in vectors/src/file.rs.

use serde_json::Value;
use std::path::Path;

pub struct Hostile {
    pub wrong: String,
    pub answer_id: Option<String>,
    pub bytes: Vec<u8>,
}

/// Splits at the character, which must be there.
fn cut(text: &str, at: char) -> Option<(&str, &str)> {
    text.find(at).map(|found| (&text[..found], &text[found + 1..]))
}

pub fn bytes(notation: &str) -> Option<Vec<u8>> {
    let (mut all, mut rest) = (Vec::new(), notation);
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (text, after) = cut(quoted, '\'')?;
            all.extend(text.as_bytes());
            rest = after;
        } else if let Some(run) = rest.strip_prefix('(') {
            let (run, after) = cut(run, ')')?;
            let (part, times) = cut(run, '*')?;
            all.extend(bytes(part)?.repeat(times.parse().ok()?));
            rest = after;
        } else {
            all.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
            rest = &rest[2..];
        }
    }
    Some(all)
}

pub fn hostile(file: &Path) -> Result<Vec<Hostile>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {}", file.display(), e))?;
    let document: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let vectors = document["invocations"].as_array().ok_or("no invocations")?;
    vectors
        .iter()
        .map(|vector| {
            Some(Hostile {
                wrong: vector["wrong"].as_str()?.to_string(),
                answer_id: vector["answer_id"].as_str().map(str::to_string),
                bytes: bytes(vector["hex"].as_str()?)?,
            })
        })
        .collect::<Option<_>>()
        .ok_or("a vector is spelt wrongly".to_string())
}

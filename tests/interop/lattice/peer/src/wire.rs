//! A connection of a few lines that tells NATS's own "no responders" from silence. The crate `nats` of a host's day
//! does not: it waits its time-out for both.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub enum Answer {
    /// Somebody listens there.
    Reply,
    NoResponders,
    Silence,
}

pub struct Wire {
    reader: BufReader<TcpStream>,
    inboxes: usize,
}

impl Wire {
    pub fn connect(address: &str, patience: Duration) -> Result<Wire, String> {
        let stream = TcpStream::connect(address).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(patience)).map_err(|e| e.to_string())?;
        let mut wire = Wire { reader: BufReader::new(stream), inboxes: 0 };
        wire.send(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nPING\r\n")?;
        while wire.line()?.ok_or("the server says nothing")? != "PONG" {}
        Ok(wire)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.reader.get_mut().write_all(bytes).map_err(|e| e.to_string())
    }

    /// A line without its end, or None when the patience ends.
    fn line(&mut self) -> Result<Option<String>, String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => Err("the server closed the connection".to_string()),
            Ok(_) => Ok(Some(line.trim_end().to_string())),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(e) => Err(e.to_string()),
        }
    }

    fn payload(&mut self, length: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; length + 2];
        self.reader.read_exact(&mut bytes).map_err(|e| e.to_string())?;
        bytes.truncate(length);
        Ok(bytes)
    }

    pub fn request(&mut self, subject: &str, payload: &[u8]) -> Result<Answer, String> {
        self.inboxes += 1;
        let (id, length) = (self.inboxes, payload.len());
        let inbox = format!("_INBOX.{}.{}", std::process::id(), id);
        let head =
            format!("SUB {} {}\r\nUNSUB {} 1\r\nPUB {} {} {}\r\n", inbox, id, id, subject, inbox, length);
        self.send(&[head.as_bytes(), payload, b"\r\n"].concat())?;
        while let Some(line) = self.line()? {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[words.len() - at].parse::<usize>().map_err(|e| e.to_string());
            match words[0] {
                "PING" => self.send(b"PONG\r\n")?,
                "MSG" => {
                    self.payload(number(1)?)?;
                    if words[1] == inbox {
                        return Ok(Answer::Reply);
                    }
                }
                "HMSG" => {
                    let bytes = self.payload(number(1)?)?;
                    if words[1] == inbox {
                        let none = bytes.starts_with(b"NATS/1.0 503");
                        return Ok(if none { Answer::NoResponders } else { Answer::Reply });
                    }
                }
                "-ERR" => return Err(line),
                _ => {}
            }
        }
        Ok(Answer::Silence)
    }
}

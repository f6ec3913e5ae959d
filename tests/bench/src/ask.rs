//! One HTTP request on a connection of its own, for looking what the product says of itself.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The status and the body of a GET on loopback; `None` where nobody answers.
pub(crate) async fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?, body.to_owned()))
}

/// The sum of a counter's series in the product's metrics whose labels hold a text.
pub(crate) async fn counted(port: u16, name: &str, label: &str) -> Option<f64> {
    let (_, metrics) = get(port, "/metrics").await?;
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let series = metrics.lines().filter(of_name).filter(|line| line.contains(label));
    Some(series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
}

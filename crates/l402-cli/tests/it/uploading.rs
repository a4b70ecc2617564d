//! `l402 get -T` and `-F` with bodies that memory should not hold.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::program::Home;

/// Longer than what the program may use more of memory.
const LONG: u64 = 64 * 1024 * 1024;

/// The most memory that a long body may take more than a short one, in bytes.
const MORE_MAX: u64 = 24 * 1024 * 1024;

/// Takes uploads. Before it answers one, it tells its length, and waits for a word.
fn taker() -> (SocketAddr, Receiver<u64>, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (lengths, told) = channel();
    let (go_on, waiting) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let length = take(&socket).expect("an upload");
            lengths.send(length).expect("a test");
            // The test is over if there is no word.
            let _ = waiting.recv();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = (&socket).write_all(answer);
        }
    });
    (address, told, go_on)
}

fn take(socket: &TcpStream) -> std::io::Result<u64> {
    let mut reader = BufReader::new(socket);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        let lower = line.to_lowercase();
        if let Some(text) = lower.strip_prefix("content-length:") {
            length = text.trim().parse().expect("a length");
        }
        line.clear();
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())
}

/// The most memory that a process has had at once, in bytes.
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("a process that lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("a number") * 1024
}

#[test]
fn a_long_upload_takes_no_more_memory_than_a_short_one() {
    let home = Home::new();
    let file = home.file("body", "");
    let name = file.to_str().expect("a path").to_owned();
    let (address, told, go_on) = taker();
    let url = format!("http://{address}/");
    let form = format!("film=@{name}");
    let run = |flags: &[&str], length: u64| {
        // Made without writing: what is read of it is zeros.
        let sparse = File::create(&file).expect("a file");
        sparse.set_len(length).expect("a file");
        let mut command = home.command(&[&["get", &url], flags].concat());
        if flags.contains(&"-") {
            command.stdin(File::open(&file).expect("a file"));
        }
        let mut child = command.stdout(Stdio::null()).spawn().expect("the program");
        let came = told.recv().expect("an upload");
        let most = peak(&child);
        go_on.send(()).expect("a server");
        assert!(child.wait().expect("it ends").success());
        assert!(came >= length && came < length + 1000, "{flags:?}: {came}");
        most
    };
    let short = run(&["-T", &name], 10);
    for flags in [&["-T", &name][..], &["-T", "-"], &["-F", &form]] {
        let most = run(flags, LONG);
        assert!(
            most < short + MORE_MAX,
            "{flags:?}: {short} and {most} bytes"
        );
    }
}

/// The reading end of a program that writes slowly is read to its end.
#[test]
fn what_comes_slowly_through_a_pipe_is_sent_whole() {
    let home = Home::new();
    let (address, told, go_on) = taker();
    let mut command = home.command(&["get", "-T", "-", &format!("http://{address}/")]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("a pipe");
    for piece in ["one", "two", "three"] {
        stdin.write_all(piece.as_bytes()).expect("a reader");
        stdin.flush().expect("a reader");
    }
    drop(stdin);
    assert_eq!(told.recv().expect("an upload"), 11);
    go_on.send(()).expect("a server");
    assert!(child.wait().expect("it ends").success());
}

//! Bodies that are read once and sent twice: kept in memory, in a file without a name, or in the
//! caller's own file.
//!
//! The system frees a file without a name when its process ends, however it ends. Where it cannot be made
//! without a name, a crash may leave it; the next start takes it away.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use l402_host::private;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::spawn_blocking;

use super::own_file::{Check, OwnFile};
use crate::request::{OpenFile, Source};
use crate::{Body, Error};

/// The most of a body that is kept in memory, in bytes.
const MEMORY_MAX: usize = 1024 * 1024;

/// The bytes of a source that are read at once.
const PIECE: usize = 256 * 1024;

/// The bytes of a kept body that are given to a connection at once. One more piece is read meanwhile.
const SENT_PIECE: usize = 512 * 1024;

/// The beginning of the names that temporary files have where a file without a name cannot be had.
const PREFIX: &str = ".tmp";

/// The folder for bodies that memory is too small for.
#[derive(Clone, Debug)]
pub(crate) struct Spool(PathBuf);

/// A body that can be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) enum Spooled {
    File(SpoolFile),
    Memory(Bytes),
}

/// A file that ends with its last handle. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SpoolFile {
    file: Arc<Mutex<File>>,
    pub(super) len: u64,
    /// `None` for a copy, which nobody else can change.
    own: Option<Arc<OwnFile>>,
}

impl Spool {
    /// A folder that need not exist. Takes away what a crash has left in it: a body of a process
    /// that lives is not lost with its name.
    pub(crate) fn new(folder: PathBuf) -> Self {
        // A link may lead into a folder of somebody else's.
        let is_folder = folder.symlink_metadata().is_ok_and(|found| found.is_dir());
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            if is_folder && name.to_string_lossy().starts_with(PREFIX) {
                // A file that cannot be removed is somebody's who lives.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Self(folder)
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// [`Error::Body`] if its source or the folder fails.
    pub(crate) async fn take(&self, body: Body) -> Result<Spooled, Error> {
        let mut source = body.0;
        match source {
            Source::Bytes(bytes) => return Ok(Spooled::Memory(bytes)),
            Source::File(path) => source = Source::Open(opened(path).await?),
            _ => {}
        }
        if let Source::Open(open) = source {
            match in_place(open) {
                Ok(file) => return Ok(Spooled::File(file)),
                Err(open) => source = Source::Blocking(Box::new(open)),
            }
        }
        let mut held = BytesMut::new();
        while let Some(piece) = next(&mut source).await.map_err(unreadable)? {
            if held.len() + piece.len() > MEMORY_MAX {
                let file = self.open().await?;
                return self.write(file, [held.freeze(), piece], source).await;
            }
            held.extend_from_slice(&piece);
        }
        Ok(Spooled::Memory(held.freeze()))
    }

    async fn open(&self) -> Result<tokio::fs::File, Error> {
        let folder = self.0.clone();
        let opened = spawn_blocking(move || {
            private::create_folder(&folder).map_err(io::Error::other)?;
            tempfile::tempfile_in(folder)
        });
        let opened = opened.await.unwrap_or_else(|_| Err(stopped()));
        opened
            .map(tokio::fs::File::from_std)
            .map_err(|error| self.unwritable(&error))
    }

    /// Writes what is held and then the rest of the source, one piece at a time.
    async fn write(
        &self,
        mut file: tokio::fs::File,
        held: [Bytes; 2],
        mut source: Source,
    ) -> Result<Spooled, Error> {
        if let Source::Blocking(reader) = source {
            return self.copy(file.into_std().await, held, reader).await;
        }
        let mut len = 0_u64;
        let mut held = held.into_iter();
        loop {
            let piece = match held.next() {
                Some(piece) => piece,
                None => match next(&mut source).await.map_err(unreadable)? {
                    Some(piece) => piece,
                    None => break,
                },
            };
            len += piece.len() as u64;
            let written = file.write_all(&piece).await;
            written.map_err(|error| self.unwritable(&error))?;
        }
        // Without it, what failed to be written last would go unnoticed.
        let flushed = file.flush().await;
        flushed.map_err(|error| self.unwritable(&error))?;
        Ok(SpoolFile::copied(file.into_std().await, len))
    }

    /// The same for a source that blocks, on one thread: a thread for each piece of a large body would
    /// take as long as the body itself.
    async fn copy(
        &self,
        mut file: File,
        held: [Bytes; 2],
        mut reader: Box<dyn Read + Send>,
    ) -> Result<Spooled, Error> {
        let copied = spawn_blocking(move || {
            let mut len = 0;
            for piece in held {
                file.write_all(&piece).map_err(Broken::Write)?;
                len += piece.len() as u64;
            }
            while let Some(piece) = read_piece(&mut reader).map_err(Broken::Read)? {
                file.write_all(&piece).map_err(Broken::Write)?;
                len += piece.len() as u64;
            }
            Ok((file, len))
        });
        let copied = copied
            .await
            .unwrap_or_else(|_| Err(Broken::Read(stopped())));
        let (file, len) = copied.map_err(|broken| match broken {
            Broken::Read(error) => unreadable(error),
            Broken::Write(error) => self.unwritable(&error),
        })?;
        Ok(SpoolFile::copied(file, len))
    }

    fn unwritable(&self, error: &io::Error) -> Error {
        let detail = format!("{}: it cannot be kept there: {error}", self.0.display());
        Error::Body { detail }
    }
}

/// The side that ended a copy.
enum Broken {
    Read(io::Error),
    Write(io::Error),
}

impl Spooled {
    pub(crate) const EMPTY: Self = Self::Memory(Bytes::new());

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Memory(bytes) if bytes.is_empty())
    }

    /// Returns the length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.len,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Returns the SHA-256 of a text and all of the body behind it.
    ///
    /// # Errors
    /// [`Error::Body`] if a file cannot be read, or is the caller's own and has changed.
    pub(crate) async fn fingerprint(&self, before: String) -> Result<[u8; 32], Error> {
        let file = match self {
            Self::Memory(bytes) => {
                let sum = Sha256::new_with_prefix(before).chain_update(bytes);
                return Ok(sum.finalize().into());
            }
            Self::File(file) => file.clone(),
        };
        let summed = spawn_blocking(move || file.fingerprint(before));
        let summed = summed.await.unwrap_or_else(|_| Err(stopped()));
        summed.map_err(unreadable)
    }

    /// Checks that it is still the body that was asked with.
    ///
    /// # Errors
    /// [`Error::Body`] if it is a file of the caller's own that has changed.
    pub(crate) async fn unchanged(&self) -> Result<(), Error> {
        let Self::File(file) = self.clone() else {
            return Ok(());
        };
        let checked = spawn_blocking(move || file.unchanged());
        let checked = checked.await.unwrap_or_else(|_| Err(stopped()));
        checked.map_err(unreadable)
    }
}

impl SpoolFile {
    fn copied(file: File, len: u64) -> Spooled {
        let file = Arc::new(Mutex::new(file));
        let own = None;
        Spooled::File(Self { file, len, own })
    }

    /// Reads the piece at an offset below the length. Blocks.
    pub(super) fn read(&self, at: u64) -> io::Result<Bytes> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(at))?;
        // Into memory that nobody fills with zeros before.
        let mut piece = Vec::with_capacity(SENT_PIECE);
        // Not beyond the length that was announced, though the file may have grown.
        let wanted = (SENT_PIECE as u64).min(self.len - at);
        let read = (&mut *file).take(wanted).read_to_end(&mut piece);
        match (read, &self.own) {
            (Ok(0), Some(own)) => Err(own.has_changed()),
            (Ok(0), None) => Err(io::ErrorKind::UnexpectedEof.into()),
            (Ok(_), _) => Ok(piece.into()),
            (Err(error), Some(own)) => Err(own.unreadable(&error)),
            (Err(error), None) => Err(error),
        }
    }

    /// Begins a sending: returns the check of what will be sent. Blocks.
    ///
    /// # Errors
    /// If it is the caller's own file and has changed, as far as that shows without reading it.
    pub(super) fn begin(&self) -> io::Result<Option<Check>> {
        match self.own.as_ref().and_then(|own| own.check()) {
            // The content decides, and not the times of the file: money may have moved by now.
            Some(check) => Ok(Some(check)),
            None => self.unchanged().map(|()| None),
        }
    }

    /// Reads the next piece of a sending, and returns it together with the check so far. The last piece
    /// is kept back if what was sent is something else than the fingerprint was made of. Blocks.
    pub(super) fn read_checked(
        &self,
        at: u64,
        check: Option<Check>,
    ) -> io::Result<(Bytes, Option<Check>)> {
        let piece = self.read(at)?;
        let (Some(mut check), Some(own)) = (check, &self.own) else {
            return Ok((piece, None));
        };
        check.add(&piece);
        if at + (piece.len() as u64) < self.len {
            return Ok((piece, Some(check)));
        }
        match check.holds() {
            true => Ok((piece, None)),
            false => Err(own.has_changed()),
        }
    }

    fn unchanged(&self) -> io::Result<()> {
        match &self.own {
            Some(own) => own.unchanged(&self.file()),
            None => Ok(()),
        }
    }

    fn fingerprint(&self, before: String) -> io::Result<[u8; 32]> {
        let own = self.own.as_deref();
        if let Some(known) = own.and_then(|own| own.fingerprint(&before)) {
            return Ok(known);
        }
        let (mut sum, mut at) = (Sha256::new_with_prefix(&before), 0);
        while at < self.len {
            let piece = self.read(at)?;
            sum.update(&piece);
            at += piece.len() as u64;
        }
        // Afterwards: what was read is then what was asked with.
        self.unchanged()?;
        let digest = sum.finalize().into();
        if let Some(own) = own {
            own.keep(before, digest);
        }
        Ok(digest)
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn opened(path: PathBuf) -> Result<OpenFile, Error> {
    let opened = spawn_blocking(move || {
        let name = path.display().to_string();
        let file = File::open(&path).map_err(|error| io::Error::other(format!("{name}: {error}")));
        file.map(|file| OpenFile { name, file })
    });
    let opened = opened.await.unwrap_or_else(|_| Err(stopped()));
    opened.map_err(unreadable)
}

/// Returns a file that is sent as it lies there, or gives it back to be copied.
fn in_place(mut open: OpenFile) -> Result<SpoolFile, OpenFile> {
    match OwnFile::of(&mut open) {
        Some((own, len)) if len > MEMORY_MAX as u64 => Ok(SpoolFile {
            file: Arc::new(Mutex::new(open.file)),
            len,
            own: Some(Arc::new(own)),
        }),
        _ => Err(open),
    }
}

/// Reads the next piece of a source, `None` at its end. An empty piece is no end.
async fn next(source: &mut Source) -> io::Result<Option<Bytes>> {
    match source {
        Source::Blocking(_) => {
            // Taken out and put back, since a blocking thread needs the reader for its own.
            let Source::Blocking(mut reader) = std::mem::take(source) else {
                return Ok(None);
            };
            let read = spawn_blocking(move || read_piece(&mut reader).map(|it| (it, reader)));
            let (piece, reader) = read.await.unwrap_or_else(|_| Err(stopped()))?;
            *source = Source::Blocking(reader);
            Ok(piece)
        }
        Source::Bytes(bytes) => {
            let piece = std::mem::take(bytes);
            Ok((!piece.is_empty()).then_some(piece))
        }
        // Both are a source that blocks by now, or are not copied at all.
        Source::File(_) | Source::Open(_) => Ok(None),
        Source::Reader(reader) => {
            let mut piece = BytesMut::with_capacity(PIECE);
            let len = reader.read_buf(&mut piece).await?;
            Ok((len > 0).then(|| piece.freeze()))
        }
        Source::Stream(stream) => poll_fn(|cx| stream.as_mut().poll_next(cx))
            .await
            .transpose(),
    }
}

/// Reads up to [`PIECE`] bytes, `None` at the end.
fn read_piece(reader: &mut dyn Read) -> io::Result<Option<Bytes>> {
    let mut piece = vec![0; PIECE];
    let len = loop {
        match reader.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    piece.truncate(len);
    Ok((len > 0).then(|| piece.into()))
}

fn unreadable(error: io::Error) -> Error {
    let detail = error.to_string();
    Error::Body { detail }
}

fn stopped() -> io::Error {
    io::Error::other("the thread that reads it was stopped")
}

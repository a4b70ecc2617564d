//! What processes and threads of this machine use, as the kernel counts it.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::{BenchError, Result, While};

/// The core of every server that is measured.
pub(crate) const SERVER_CORE: usize = 0;
/// The core of the load generator and of the upstream.
pub(crate) const LOAD_CORE: usize = 1;

/// Keeps the calling thread on one core.
///
/// # Errors
/// Where there is no such core.
pub(crate) fn stay_on(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).while_doing(format_args!("staying on core {core}"))
}

/// Moves the thread of this name of another process to a core.
///
/// # Errors
/// Where there is no such thread or core.
pub(crate) fn move_thread(process: u32, name: &str, core: usize) -> Result<()> {
    let tasks = format!("/proc/{process}/task");
    for task in fs::read_dir(&tasks).while_doing(&tasks)?.flatten() {
        let said = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let id = task.file_name().to_str().and_then(|id| id.parse().ok());
        if let (true, Some(id)) = (said.trim_end() == name, id.and_then(Pid::from_raw)) {
            let mut cores = CpuSet::new();
            cores.set(core);
            return sched_setaffinity(Some(id), &cores)
                .while_doing(format_args!("moving {name} to core {core}"));
        }
    }
    Err(BenchError::new(format!("there is no thread {name}")))
}

/// Lets this process, and those that it starts, open as many files as the system permits.
///
/// # Errors
/// Where the limit cannot be changed.
pub(crate) fn open_many_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).while_doing("raising the limit of open files")
}

/// The time that a process and its children spent on a core, summed over the threads that live.
///
/// # Errors
/// When the process has ended.
pub(crate) fn cpu_of(process: u32) -> Result<Duration> {
    let tasks = format!("/proc/{process}/task");
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(&tasks).while_doing(&tasks)?.flatten() {
        // A thread may end between the two looks.
        sum += on_core(&task.path().join("schedstat").to_string_lossy()).unwrap_or_default();
    }
    for child in children(process) {
        sum += cpu_of(child)?;
    }
    Ok(sum)
}

/// The same for a thread of this process.
pub(crate) fn cpu_of_thread(id: i32) -> Duration {
    on_core(&format!("/proc/self/task/{id}/schedstat")).unwrap_or_default()
}

/// What all programs of the machine used of all cores since it started, in steps of 10 ms.
pub(crate) fn cpu_of_machine() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    busy(&text).unwrap_or_default()
}

/// User, nice, system, then idle and waiting for a disk, then interrupts and what a host took.
fn busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map_while(|ticks| ticks.parse().ok())
        .collect();
    let [user, nice, system, _, _, rest @ ..] = ticks.as_slice() else {
        return None;
    };
    let ticks = user + nice + system + rest.iter().take(3).sum::<u64>();
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks * 1000 / per_second))
}

/// The first number of the file: nanoseconds on a core.
fn on_core(path: &str) -> Option<Duration> {
    let text = fs::read_to_string(path).ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn children(process: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Resident memory of a process and its children, in bytes.
///
/// # Errors
/// When the process has ended.
pub(crate) fn resident(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).while_doing(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let own = kib.ok_or_else(|| BenchError::new("the kernel states no VmRSS"))? * 1024;
    let of_children: Result<Vec<u64>> = children(process).into_iter().map(resident).collect();
    Ok(own + of_children?.iter().sum::<u64>())
}

/// Waits until a process uses less than 2 % of a core; three minutes at most.
///
/// # Errors
/// When it has ended, or stays busy.
pub(crate) fn until_idle(process: u32) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(100);
    for _ in 0..1800 {
        let before = cpu_of(process)?;
        thread::sleep(LOOK);
        if cpu_of(process)?.saturating_sub(before) < LOOK / 50 {
            return Ok(());
        }
    }
    Err(BenchError::new("a server is busy without requests"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_this_process_uses() {
        let own = std::process::id();
        let before = cpu_of(own).unwrap();
        let mut hash = 0_u64;
        while cpu_of(own).unwrap() < before + Duration::from_millis(2) {
            hash = std::hint::black_box(hash.wrapping_mul(31).wrapping_add(1));
        }
        assert!(resident(own).unwrap() > 100_000);
    }

    #[test]
    fn a_machine_is_busy_with_all_but_idling_and_waiting() {
        let per_second = rustix::param::clock_ticks_per_second();
        let stat = format!("cpu  {per_second} 0 {per_second} 999 999 0 {per_second} 0 0 0\ncpu0 1");
        assert_eq!(busy(&stat), Some(Duration::from_secs(3)));
        assert_eq!(busy("cpu  1 2"), None);
    }

    #[test]
    fn a_process_that_has_ended_is_an_error() {
        cpu_of(u32::MAX - 1).unwrap_err();
        resident(u32::MAX - 1).unwrap_err();
    }
}

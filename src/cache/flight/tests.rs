use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with one lock in it.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"))
    }

    fn cache(&self) -> Cache {
        Cache { folder: self.0.path().into() }
    }

    fn turn(&self, deadline: &Deadline) -> Turn {
        let turn = self.cache().turn(&Hash::of(b"1"), deadline, Duration::ZERO, &mut |_| {});
        turn.expect("a lock")
    }

    fn ours(&self) -> Flight {
        match self.turn(&Deadline::after(PATIENCE)) {
            Turn::Ours(flight) => flight,
            _ => panic!("it is nobody else's"),
        }
    }

    /// Waits for the turn on a thread, which is known to wait when this returns.
    fn waiting(&self, deadline: Deadline) -> mpsc::Receiver<Turn> {
        let (cache, (sender, receiver)) = (self.cache(), mpsc::channel());
        let came = std::sync::Arc::new(std::sync::Barrier::new(2));
        let there = std::sync::Arc::clone(&came);
        thread::spawn(move || {
            let path = cache.folder().join(format!("{}.lock", Hash::of(b"1")));
            let mut queue = Queue::at(&path, deadline.left()).expect("a lock");
            there.wait();
            let _ = sender.send(queue.wait(&mut |_| {}).expect("a lock"));
        });
        came.wait();
        receiver
    }

    fn record(&self, record: &Record) {
        let path = self.0.path().join(format!("{}.lock", Hash::of(b"1")));
        record.write(&open(&path).expect("a lock")).expect("written");
    }
}

/// A process that does nothing until it is ended.
struct Idler(Child);

impl Idler {
    fn stopped() -> Self {
        let mut idler = Self(Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat"));
        let pid = idler.0.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().expect("kill").success());
        while !is_stopped(idler.0.id()) {
            assert!(idler.0.try_wait().expect("cat").is_none());
            thread::yield_now();
        }
        idler
    }
}

impl Drop for Idler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_after_the_other_has_the_turn() {
    let scene = Scene::new();
    let first = scene.ours();
    let second = scene.waiting(Deadline::after(PATIENCE));
    assert!(second.recv_timeout(Duration::from_millis(200)).is_err(), "it is the first one's");
    drop(first);
    assert!(matches!(second.recv().expect("an end"), Turn::Ours(_)));
}

#[test]
fn a_failure_is_that_of_all_who_waited_and_of_nobody_who_comes_later() {
    let scene = Scene::new();
    let first = scene.ours();
    let waiting = [(); 3].map(|()| scene.waiting(Deadline::after(PATIENCE)));
    first.fail("it rains".into());
    for turn in waiting {
        assert!(matches!(turn.recv().expect("an end"), Turn::Failed(told) if told == "it rains"));
    }
    thread::sleep(Duration::from_millis(2));
    let later = scene.ours();
    assert_eq!(later.failed_within(Duration::from_secs(30)), Some("it rains"));
    assert_eq!(later.failed_within(Duration::ZERO), None);
    later.pass();
    let last = scene.ours();
    assert_eq!(last.failed_within(Duration::from_secs(30)), Some("it rains"), "nobody has tried");
    drop(last);
    assert_eq!(scene.ours().failed_within(Duration::from_secs(30)), None, "somebody has tried");
}

#[test]
fn who_has_no_time_left_goes_away() {
    let scene = Scene::new();
    let _first = scene.ours();
    let turn = scene.turn(&Deadline::after(Duration::from_millis(100)));
    assert!(matches!(turn, Turn::Late(Some(process)) if process == std::process::id()));
}

#[test]
fn a_holder_that_was_stopped_is_overtaken_and_its_lock_is_worth_nothing() {
    let scene = Scene::new();
    let first = scene.ours();
    let idler = Idler::stopped();
    let record = Record { process: idler.0.id(), until: u64::MAX / 2, ..Record::default() };
    scene.record(&record);
    let second = scene.waiting(Deadline::after(PATIENCE));
    let second = second.recv().expect("an end");
    assert!(matches!(second, Turn::Ours(_)));
    let third = scene.turn(&Deadline::after(Duration::from_millis(100)));
    assert!(matches!(third, Turn::Late(_)), "the second has it");
    drop(first);
    let third = scene.turn(&Deadline::after(Duration::from_millis(100)));
    assert!(matches!(third, Turn::Late(_)), "the first one's end changes nothing");
}

#[test]
fn a_holder_whose_time_is_up_is_overtaken_by_one_of_all_who_wait() {
    let scene = Scene::new();
    let _first = scene.ours();
    let waiting = [(); 8].map(|()| scene.waiting(Deadline::after(PATIENCE)));
    scene.record(&Record { process: std::process::id(), until: 1, ..Record::default() });
    let (mut flights, mut waiting) = (Vec::new(), waiting.into_iter().collect::<Vec<_>>());
    while !waiting.is_empty() {
        waiting.retain(|turn| match turn.recv_timeout(Duration::from_millis(20)) {
            Ok(Turn::Ours(flight)) => {
                flights.push(flight);
                false
            }
            Ok(_) => panic!("each gets its turn"),
            Err(_) => true,
        });
        assert!(flights.len() <= 1, "two have the turn");
        if flights.len() == 1 && waiting.len() < 8 {
            // What the first one has left must not look like the second's.
            flights.clear();
        }
    }
}

#[test]
fn a_persons_time_is_waited_for() {
    let scene = Scene::new();
    let deadline = Deadline::after(PATIENCE);
    let Turn::Ours(first) = scene.turn(&deadline) else { panic!("it is nobody else's") };
    deadline.a_person_is_asked();
    let second = scene.waiting(Deadline::after(Duration::from_millis(100)));
    assert!(
        second.recv_timeout(Duration::from_millis(400)).is_err(),
        "it waits longer than its own"
    );
    drop(first);
    assert!(matches!(second.recv().expect("an end"), Turn::Ours(_)));
}

#[test]
fn a_lock_that_nobody_holds_can_be_removed() {
    let scene = Scene::new();
    let path = scene.0.path().join(format!("{}.lock", Hash::of(b"1")));
    let flight = scene.ours();
    remove(&path);
    assert!(path.exists());
    drop(flight);
    remove(&path);
    assert!(!path.exists());
}

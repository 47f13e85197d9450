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
        // It has then tried at least once, and found the turn somebody else's.
        thread::sleep(Duration::from_millis(100));
        receiver
    }

    fn lock(&self) -> std::path::PathBuf {
        self.0.path().join(format!("{}.lock", Hash::of(b"1")))
    }

    fn record(&self, record: &Record) {
        record.write(&paths::open_lock(&self.lock()).expect("a lock")).expect("written");
    }
}

fn rain() -> Told {
    Told { report: "it rains".into(), leaf: Some(Hash::of(b"leaf")) }
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
    first.fail(rain());
    for turn in waiting {
        let Turn::Failed(told) = turn.recv().expect("an end") else { panic!("it has failed") };
        assert_eq!((told.report.as_str(), told.leaf), ("it rains", rain().leaf));
    }
    let later = scene.ours();
    let failed = |flight: &Flight, ago| {
        flight.failed_within(Duration::from_secs(ago)).map(|told| told.report.clone())
    };
    assert_eq!(failed(&later, 30).as_deref(), Some("it rains"));
    assert_eq!(failed(&later, 0), None);
    later.pass();
    assert_eq!(failed(&scene.ours(), 30).as_deref(), Some("it rains"), "nobody has tried");
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
    let record = Record { process: idler.0.id(), until: u64::MAX / 2, ..Record::ours() };
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
    scene.record(&Record { until: 1, ..Record::ours() });
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
    // The person has answered, and the cloud is still asked: that they took long is nobody's fault.
    deadline.forgive(Duration::from_millis(400));
    thread::sleep(Duration::from_millis(60));
    drop(first);
    assert!(matches!(second.recv().expect("an end"), Turn::Ours(_)));
}

#[test]
fn what_cannot_be_kept_is_asked_for_by_each_who_waited() {
    let scene = Scene::new();
    let first = scene.ours();
    let waiting = [(); 3].map(|()| scene.waiting(Deadline::after(PATIENCE)));
    first.keep_nothing();
    for turn in waiting {
        assert!(matches!(turn.recv().expect("an end"), Turn::Unkept));
    }
    drop(scene.ours());
}

#[test]
fn what_was_written_before_the_computer_was_started_is_nothing() {
    let scene = Scene::new();
    let failed = Some(Failed { at: u64::MAX, told: rain() });
    scene.record(&Record { boot: "another".into(), failed: failed.clone(), ..Record::ours() });
    assert!(scene.ours().failed_within(Duration::from_secs(30)).is_none());
    // Nor is there one that nobody has waited for.
    scene.record(&Record { failed, ..Record::ours() });
    assert!(scene.ours().failed_within(Duration::from_secs(30)).is_some());
}

#[test]
fn a_lock_that_is_a_link_is_none() {
    let scene = Scene::new();
    std::os::unix::fs::symlink(scene.0.path().join("elsewhere"), scene.lock()).expect("link");
    let deadline = Deadline::after(PATIENCE);
    assert!(scene.cache().turn(&Hash::of(b"1"), &deadline, Duration::ZERO, &mut |_| {}).is_err());
    assert!(!scene.0.path().join("elsewhere").exists());
}

#[test]
fn a_lock_that_nobody_holds_can_be_removed() {
    let scene = Scene::new();
    let path = scene.lock();
    let flight = scene.ours();
    remove(&path);
    assert!(path.exists());
    drop(flight);
    remove(&path);
    assert!(!path.exists());
}

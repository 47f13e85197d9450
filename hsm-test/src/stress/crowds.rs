//! Many callers at once: for the same credentials, where one asks for all, and for different ones of one token, where
//! each has its turn.

use std::process::Output;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::kills::send;
use super::runs::{Manners, end, granted, start};
use super::{Options, Row, Scene};
use crate::server::Behaviour;

/// The bar for 200 on two processors.
const BAR: Duration = Duration::from_secs(10);

pub(super) fn rows(options: &Options, manners: &mut Manners) -> Vec<Row> {
    let [cold, time] = cold(options, manners);
    vec![
        cold,
        time,
        cold_and_killed(options, manners),
        different(options, manners),
        calls(options, manners),
    ]
}

fn cold(options: &Options, manners: &mut Manners) -> [Row; 2] {
    let scene = Scene::new(&options.programs);
    let begin = Instant::now();
    let children: Vec<_> = (0..options.crowd).map(|_| start(&mut scene.spied())).collect();
    let outputs: Vec<_> = children.into_iter().map(end).collect();
    let took = begin.elapsed();
    let good = same(&outputs, manners);
    let calls = scene.calls();
    let counts = [calls.of("C_Login"), calls.of("C_SignInit"), scene.server.requests().len()];
    let [logins, signatures, requests] = counts;
    let what = format!("{} at once, nothing kept, SoftHSM2", options.crowd);
    [
        Row::new(
            "G15",
            &what,
            format!("{good}: {logins} login, {signatures} signature, {requests} request"),
            "all, one of each",
            good == options.crowd && counts == [1, 1, 1],
        ),
        Row::new("G15", &what, format!("{took:.1?}"), format!("less than {BAR:?}"), took < BAR)
            .timed(),
    ]
}

/// The cloud takes a second, and who asks is killed meanwhile.
fn cold_and_killed(options: &Options, manners: &mut Manners) -> Row {
    let scene = Scene::new(&options.programs);
    scene.server.behave(Behaviour::Drip { every: Duration::from_millis(1) });
    let children: Vec<_> = (0..options.crowd / 2).map(|_| start(&mut scene.file())).collect();
    let deadline = Instant::now() + BAR;
    while scene.server.connections() == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let killed = scene.holder().is_some_and(|holder| send(holder, Signal::SIGKILL));
    let outputs: Vec<_> = children.into_iter().map(end).collect();
    let survivors: Vec<_> =
        outputs.into_iter().filter(|output| output.status.code().is_some()).collect();
    let (left, good) = (survivors.len(), same(&survivors, manners));
    let requests = scene.server.requests().len();
    Row::new(
        "F28",
        format!("{} at once, a slow cloud, SIGKILL of the one that asks", options.crowd / 2),
        format!("{good} of {left} that were left, {requests} requests"),
        "all that are left; a second asks in its place",
        killed && left == options.crowd / 2 - 1 && good == left && requests <= 2,
    )
}

/// One user of a token at a time: SoftHSM's files break under two.
fn different(options: &Options, manners: &mut Manners) -> Row {
    let scene = Scene::new(&options.programs);
    let count_of = options.crowd / 4;
    let mut commands: Vec<_> = (0..count_of)
        .map(|number| {
            let mut command = scene.token();
            command.args(["--session-duration", &(900 + number).to_string()]);
            command
        })
        .collect();
    let children: Vec<_> = commands.iter_mut().map(start).collect();
    let outputs: Vec<_> = children.into_iter().map(end).collect();
    let good = count(&outputs, manners);
    Row::new(
        "G15",
        format!("{count_of} at once for different sessions of one token"),
        format!("{good}"),
        "all, one after the other",
        good == count_of,
    )
}

fn calls(options: &Options, manners: &mut Manners) -> Row {
    let scene = Scene::new(&options.programs);
    let good = count(&[end(start(&mut scene.spied()))], manners) == 1;
    let calls = scene.calls();
    let counts = [calls.of("C_Login"), calls.of("C_SignInit"), calls.all()];
    let [logins, signatures, all] = counts;
    Row::new(
        "G18",
        "PKCS#11 calls of one credential",
        format!("{all}: {logins} login, {signatures} signature"),
        "at most 40, one of each",
        good && logins == 1 && signatures == 1 && all <= 40,
    )
}

/// How many have printed credentials, and the same as the first.
fn same(outputs: &[Output], manners: &mut Manners) -> usize {
    let all = count(outputs, manners);
    let differ = outputs.iter().filter(|output| output.stdout != outputs[0].stdout).count();
    all.saturating_sub(differ)
}

/// How many have printed credentials.
fn count(outputs: &[Output], manners: &mut Manners) -> usize {
    outputs.iter().for_each(|output| manners.note(output));
    outputs.iter().filter(|output| granted(output)).count()
}

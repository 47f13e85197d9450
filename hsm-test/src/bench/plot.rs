//! The results as a picture: a bar a contestant, from nothing to the median, with a line from the first to the third
//! quartile.

use std::fmt::Write as _;

use super::Results;
use super::contest::{Score, median, quantile};

const WIDTH: f64 = 860.0;
/// Where bars begin and end.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 780.0;
const BAR: f64 = 16.0;
const ROW: f64 = 22.0;
const GAP: f64 = 34.0;
/// keyanchor, the floor, others; told apart by lightness too.
const COLOURS: [&str; 3] = ["#1b6ca8", "#9db8c9", "#d98c3f"];

pub(super) fn svg(results: &Results) -> String {
    let scenes = results.scenes.iter().map(|scored| (scored.name, scored.scores.as_slice()));
    let scenes: Vec<_> =
        scenes.chain([("far cloud, slow token", results.far.scores.as_slice())]).collect();
    let (mut body, mut y) = (String::new(), 64.0);
    for (name, scores) in scenes {
        let _ = writeln!(body, r##"<text x="20" y="{y}" font-weight="bold">{name}</text>"##);
        y += 12.0;
        let longest = scores.iter().map(|score| quantile(&score.wall, 0.75)).fold(1.0, f64::max);
        for (place, score) in scores.iter().enumerate() {
            bar(&mut body, score, COLOURS[place.min(2)], y, (RIGHT - LEFT) / longest);
            y += ROW;
        }
        y += GAP;
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/>
<text x="20" y="30" font-size="17">Credentials from a key: whole processes, milliseconds</text>
{body}<text x="20" y="{}" fill="#555">bars: median; lines: first to third quartile; each scene has its own scale</text>
</svg>
"##,
        y - 12.0
    )
}

fn bar(body: &mut String, score: &Score, colour: &str, y: f64, scale: f64) {
    let (middle, low, high) =
        (median(&score.wall), quantile(&score.wall, 0.25), quantile(&score.wall, 0.75));
    let (line, text) = (y + BAR / 2.0, y + BAR - 4.0);
    let _ = writeln!(
        body,
        r##"<text x="{}" y="{text}" text-anchor="end">{}</text>
<rect x="{LEFT}" y="{y}" width="{:.1}" height="{BAR}" fill="{colour}"/>
<line x1="{:.1}" x2="{:.1}" y1="{line}" y2="{line}" stroke="#222" stroke-width="1.5"/>
<text x="{:.1}" y="{text}">{middle:.1}</text>"##,
        LEFT - 10.0,
        escaped(&score.name),
        middle * scale,
        LEFT + low * scale,
        LEFT + high * scale,
        LEFT + high * scale + 8.0
    );
}

/// A peer's name is a file's name.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

//! The results as a picture: a bar a contestant, from nothing to the median, with a line from the first to the third
//! quartile.

use std::fmt::Write as _;

use super::Results;
use super::contest::Score;
use super::piv::Row;
use super::turns::quantile;

const WIDTH: f64 = 900.0;
/// Where bars begin and end.
const LEFT: f64 = 230.0;
const RIGHT: f64 = 820.0;
const BAR: f64 = 16.0;
const ROW: f64 = 22.0;
const GAP: f64 = 34.0;
/// keyanchor, the floor, others; told apart by lightness too.
const COLOURS: [&str; 3] = ["#1b6ca8", "#9db8c9", "#d98c3f"];

/// One of those that are compared in a scene.
struct Bar {
    name: String,
    wall: Vec<f64>,
    colour: &'static str,
}

pub(super) fn svg(results: &Results) -> String {
    let scored = results.scenes.iter().map(|scored| (scored.name, &scored.scores));
    let scored = scored.chain([("far cloud, slow token", &results.far.scores)]);
    let mut scenes: Vec<(&str, Vec<Bar>)> =
        scored.map(|(name, scores)| (name, scores.iter().map(Bar::from).collect())).collect();
    scenes.push(("virtual YubiKey", results.piv.rows.iter().filter_map(Bar::of).collect()));
    let (mut body, mut y) = (String::new(), 64.0);
    for (name, bars) in &scenes {
        let _ = writeln!(body, r##"<text x="20" y="{y}" font-weight="bold">{name}</text>"##);
        y += 12.0;
        let longest = bars.iter().map(|bar| quantile(&bar.wall, 0.75)).fold(1.0, f64::max);
        for bar in bars {
            bar.draw(&mut body, y, (RIGHT - LEFT) / longest);
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

impl From<&Score> for Bar {
    fn from(score: &Score) -> Self {
        let Score { name, runs, .. } = score;
        Self { name: format!("{name:.18}"), wall: runs.wall.clone(), colour: colour(name) }
    }
}

impl Bar {
    /// Of everybody who has the certificate in a file.
    fn of(row: &Row) -> Option<Self> {
        let Row { way, who, runs, .. } = row;
        let name = format!("{who:.18}, {way}");
        let bar = Self { name, wall: runs.wall.clone(), colour: colour(who) };
        (!row.has_certificate_on_card).then_some(bar)
    }

    fn draw(&self, body: &mut String, y: f64, scale: f64) {
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|part| quantile(&self.wall, part));
        let (line, text) = (y + BAR / 2.0, y + BAR - 4.0);
        let _ = writeln!(
            body,
            r##"<text x="{}" y="{text}" text-anchor="end">{}</text>
<rect x="{LEFT}" y="{y}" width="{:.1}" height="{BAR}" fill="{}"/>
<line x1="{:.1}" x2="{:.1}" y1="{line}" y2="{line}" stroke="#222" stroke-width="1.5"/>
<text x="{:.1}" y="{text}">{middle:.1}</text>"##,
            LEFT - 10.0,
            escaped(&self.name),
            middle * scale,
            self.colour,
            LEFT + low * scale,
            LEFT + high * scale,
            LEFT + high * scale + 8.0
        );
    }
}

fn colour(name: &str) -> &'static str {
    match name {
        "keyanchor" => COLOURS[0],
        "floor" => COLOURS[1],
        _ => COLOURS[2],
    }
}

/// A peer's name is a file's name.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

//! `report.html` in a browser, at the width of a desk and of a phone, by day and by night.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use matmul_report::{Report, html};
use serde_json::Value;

/// Asks the page about itself, and leaves the answer where `--dump-dom` shows it.
const PROBE: &str = "<script>
addEventListener('load', () => {
  const charts = [...document.querySelectorAll('svg')];
  const first = document.querySelector('[data-says]');
  first.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  const ground = getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number);
  document.body.dataset.answer = JSON.stringify({
    dark: matchMedia('(prefers-color-scheme: dark)').matches, ground: ground[0],
    wider: document.documentElement.scrollWidth - innerWidth, width: innerWidth,
    charts: charts.length,
    bare: charts.filter((chart) => !chart.getAttribute('aria-label') || !chart.querySelector('[data-says]')).length,
    small: charts.filter((chart) => chart.getBoundingClientRect().height < 60).length,
    said: document.getElementById('says').textContent,
  });
});
addEventListener('error', (event) => console.error(event.message));
</script></body>";

fn browser() -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let has =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
    names.into_iter().find(has).map(Into::into)
}

fn page() -> String {
    let record = "../../benches/record/2026-11-24-epyc-zen4-2core/report.json";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(record)).unwrap();
    html(&Report::from_json(&text).unwrap())
}

/// What the page answers, and what the browser said to standard error.
fn open(browser: &str, dir: &Path, width: u32, dark: bool) -> (Value, String, PathBuf) {
    let file = dir.join("page.html");
    fs::write(&file, page().replace("</body>", PROBE)).unwrap();
    let shot = dir.join(format!("{width}-{}.png", if dark { "dark" } else { "light" }));
    let run = |what: &str| {
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]);
        command.arg(format!("--user-data-dir={}", dir.join("profile").display()));
        command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
        command.args([format!("--window-size={width},2400"), what.to_owned()]);
        let out = command.arg(format!("file://{}", file.display())).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    run(&format!("--screenshot={}", shot.display()));
    let (dom, log) = run("--dump-dom");
    let answer = dom.split("data-answer=\"").nth(1).and_then(|rest| rest.split('"').next());
    let answer = answer.unwrap_or_else(|| panic!("no answer: {log}")).replace("&quot;", "\"");
    (serde_json::from_str(&answer.replace("&amp;", "&")).unwrap(), log, shot)
}

#[test]
fn a_browser_shows_every_chart_in_both_themes_and_widths() {
    let Some(browser) = browser() else {
        println!("SKIPPED: report.html in a browser, because there is none (apt-get install chromium)");
        return;
    };
    let dir = std::env::var_os("MATMUL_SCREENSHOTS").map_or_else(
        || std::env::temp_dir().join(format!("matmul-browser-{}", std::process::id())),
        PathBuf::from,
    );
    fs::create_dir_all(&dir).unwrap();
    for (width, dark) in [(1280, false), (1280, true), (500, false), (500, true)] {
        let (answer, log, shot) = open(&browser, &dir, width, dark);
        assert_eq!(answer["dark"], dark, "{answer}");
        assert_eq!(answer["ground"].as_u64().unwrap() < 128, dark, "{answer}");
        assert!(answer["wider"].as_i64() <= Some(0), "{width}: {answer}");
        // Lines, a roofline and errors for each of four settings, and the ladder.
        assert_eq!(
            (&answer["charts"], &answer["bare"], &answer["small"]),
            (&13.into(), &0.into(), &0.into())
        );
        assert!(answer["said"].as_str().unwrap().contains("GFLOP/s"), "{answer}");
        assert!(!log.contains("CONSOLE"), "{log}");
        assert!(fs::metadata(&shot).unwrap().len() > 10_000, "{}", shot.display());
    }
    if std::env::var_os("MATMUL_SCREENSHOTS").is_none() {
        fs::remove_dir_all(&dir).unwrap();
    }
}

//! Every command of the handbook is typed, page by page, in the order in which it stands there.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use gatepost_kit::Dialect;
use tokio::sync::Semaphore;

use crate::kinds::{Kind, kind};
use crate::machine::{Machine, Ran, Scene};
use crate::pages::{Block, Page, pages};

/// Headings that begin on a machine of their own, and what is there. Everything else is typed where Gatepost runs, with a token
/// and an account.
const SCENES: [(&str, &str, Scene); 9] = [
    ("README.md", "Ten minutes in a browser", Scene::Bare),
    ("README.md", "Set-up for Microsoft 365", Scene::Bare),
    ("README.md", "Set-up where a person signs in (Microsoft 365, Outlook.com, Gmail)", Scene::Empty),
    ("README.md", "Configuration by example", Scene::Token),
    ("docs/setup/microsoft365.md", "3. Tell Gatepost", Scene::Empty),
    ("docs/setup/gmail.md", "4. Get the token", Scene::Empty),
    ("docs/setup/outlook-com.md", "3. Get the token", Scene::Empty),
    ("docs/tokens.md", "A person gives the grant", Scene::Empty),
    ("docs/tokens.md", "Looking at it", Scene::Running),
];

/// Programs that a page's commands call and a machine may lack; `tests/run` installs them.
const PROGRAMS: [(&str, &[&str]); 8] = [
    ("", &["bash", "curl", "openssl"]),
    ("docs/operations.md", &["sqlite3", "tar"]),
    ("docs/recipes/fetchers.md", &["fetchmail"]),
    ("docs/recipes/javamail.md", &["java", "keytool", "/usr/share/java/javax.mail.jar"]),
    ("docs/recipes/msmtp.md", &["msmtp"]),
    ("docs/recipes/mutt.md", &["mutt"]),
    ("docs/recipes/php.md", &["php", "/usr/share/php/libphp-phpmailer/autoload.php"]),
    ("docs/recipes/scanners.md", &["swaks"]),
];

/// What is missing for a page.
fn missing(page: &str) -> Option<&'static str> {
    let needed = PROGRAMS.iter().filter(|(of, _)| page.starts_with(of)).flat_map(|(_, programs)| *programs);
    let path = std::env::var("PATH").unwrap_or_default();
    let there = |program: &str| path.split(':').any(|directory| Path::new(directory).join(program).exists());
    needed.copied().find(|program| !there(program))
}

/// How many pages are played at a time.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn every_command_does_what_the_page_says() {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let only = std::env::var("HANDBOOK_PAGE").ok();
    let wanted = |page: &Page| only.as_ref().is_none_or(|only| page.name.contains(only.as_str()));
    let mut played = Vec::new();
    let stories = pages().iter().filter(|page| wanted(page)).flat_map(stories).collect::<Vec<_>>();
    for (number, (scene, blocks)) in stories.into_iter().enumerate() {
        if let Some(program) = missing(&blocks[0].page) {
            let skipped = format!("commands of {}: there is no {program}; `tests/run` installs it", blocks[0].page);
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{skipped}");
            writeln!(std::io::stderr(), "\n*** SKIPPED: {skipped} ***").unwrap();
            continue;
        }
        let places = Arc::clone(&places);
        played.push(tokio::spawn(async move {
            let _place = places.acquire().await.unwrap();
            let google = ["docs/setup/gmail.md", "docs/setup/google-workspace.md"].contains(&blocks[0].page.as_str());
            let dialect = if google { Dialect::Google } else { Dialect::Microsoft };
            let machine = Machine::new(scene, dialect, number).await;
            let script: String = blocks.iter().map(|block| part(block, &machine)).collect();
            (blocks[0].to_string(), machine.run(&script).await)
        }));
    }
    let mut failed = String::new();
    for story in played {
        let (name, Ran { well, told }) = story.await.unwrap();
        if well {
            writeln!(std::io::stderr(), "played: from {name}").unwrap();
        } else {
            let _ = writeln!(failed, "=== from {name}\n{told}");
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// What is typed on one machine after the other.
fn stories(page: &Page) -> Vec<(Scene, Vec<Block>)> {
    let mut all = vec![(Scene::Running, Vec::new())];
    let mut heading = String::new();
    for block in page.blocks() {
        let scene = SCENES.iter().find(|(name, begins, _)| *name == block.page && *begins == block.heading);
        if let Some((.., scene)) = scene.filter(|_| heading != block.heading) {
            all.push((*scene, Vec::new()));
        }
        heading.clone_from(&block.heading);
        if let (Some(Kind::Typed | Kind::Placed), Some((_, blocks))) = (kind(&block), all.last_mut()) {
            blocks.push(block);
        }
    }
    all.retain(|(_, blocks)| blocks.iter().any(|block| kind(block) == Some(Kind::Typed)));
    all
}

fn part(block: &Block, machine: &Machine) -> String {
    let text = machine.here(&block.text);
    let mark = format!(": {block}\n");
    let Some(file) = block.value("file") else {
        return mark + &if block.language == "console" { console(&text) } else { text };
    };
    let file = machine.here(&file.replace('~', &format!("{}/home", machine.directory().display())));
    format!("{mark}mkdir -p \"$(dirname {file})\"\ninstall -m 600 /dev/stdin {file} <<'HANDBOOK'\n{text}HANDBOOK\n")
}

/// What is typed behind `$ `, and each line that is said to come has to come, in this order; `…` stands for anything.
fn console(text: &str) -> String {
    let mut script = String::new();
    for exchange in text.split("$ ").filter(|exchange| !exchange.is_empty()) {
        let (command, comes) = exchange.split_once('\n').unwrap_or((exchange, ""));
        let _ = writeln!(script, "told=$({command})");
        for line in comes.lines().filter(|line| !line.trim().is_empty()) {
            let parts: Vec<_> = line.split('…').map(|part| format!("'{}'", part.replace('\'', r"'\''"))).collect();
            let _ = writeln!(script, "[[ $told == *{}* ]] || {{ echo \"$told\"; exit 1; }}", parts.join("*"));
        }
    }
    script
}

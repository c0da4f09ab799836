// SPDX-License-Identifier: GPL-3.0-or-later
//! Trestle's web client in a window of its own. Two kinds of windows, and nothing between them:
//!
//! * `ask` has the one page that is in the program. It asks for the server's address.
//! * `chat` has the client, as the server serves it, and what it leads to for signing in.
//!
//! No page may call into the program, by no command and no capability: what a page wants is seen by where it leads, by
//! its title, and by what it asks of the browser.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod address;
mod kept;

use address::Fate;
use std::sync::Mutex;
use tauri::menu::{MenuBuilder, MenuItemBuilder, SubmenuBuilder};
use tauri::webview::{DownloadEvent, NewWindowResponse, PageLoadEvent, PermissionKind, PermissionResponse};
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

const NAME: &str = "Trestle";
const ASK: &str = "ask";
const CHAT: &str = "chat";

/// The server whose client is shown; what `chat` may do goes by it.
struct Server(Mutex<Url>);

fn server(app: &AppHandle) -> Url {
    app.state::<Server>().0.lock().unwrap().clone()
}

fn hand_on(url: &Url) {
    if let Err(error) = open::that_detached(url.as_str()) {
        eprintln!("trestle-desktop: no program of the system takes {}: {error}", url.scheme());
    }
}

// --- the window that asks

/// Windows has no schemes of one's own for pages; `tauri.localhost` is the program's name there.
fn is_own_page(url: &Url) -> bool {
    url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost")
}

/// Where the form leads: `/open?address=…`.
fn answer_in(url: &Url) -> Option<String> {
    let (_, answer) = url.query_pairs().find(|(name, _)| name == "address").filter(|_| url.path() == "/open")?;
    Some(answer.into_owned())
}

fn take_answer(app: &AppHandle, answer: &str) -> tauri::Result<()> {
    let ask = app.get_webview_window(ASK);
    match (address::read(answer), ask) {
        (Some(url), ask) => {
            if let Err(error) = kept::keep_server(app, &address::top(&url)) {
                eprintln!("trestle-desktop: the server is not remembered: {error}");
            }
            show_chat(app, url)?;
            ask.map_or(Ok(()), |ask| ask.close())
        }
        (None, Some(ask)) => {
            let mut page = ask.url()?;
            page.set_fragment(Some("wrong"));
            ask.navigate(page)
        }
        (None, None) => Ok(()),
    }
}

fn show_ask(app: &AppHandle) -> tauri::Result<()> {
    if let Some(ask) = app.get_webview_window(ASK) {
        return ask.set_focus();
    }
    let handle = app.clone();
    WebviewWindowBuilder::new(app, ASK, WebviewUrl::App("index.html".into()))
        .title(NAME)
        .inner_size(520.0, 480.0)
        .on_navigation(move |url| {
            if !is_own_page(url) {
                return false;
            }
            let Some(answer) = answer_in(url) else { return true };
            // The webview waits for this function: windows are made after it.
            let app = handle.clone();
            tauri::async_runtime::spawn(async move {
                if let Err(error) = take_answer(&app, &answer) {
                    eprintln!("trestle-desktop: {error}");
                }
            });
            false
        })
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_permission_request(|_, _| PermissionResponse::Deny)
        .build()?;
    Ok(())
}

// --- the window with the client

/// WebKitGTK asks nobody: there the program answers, for the server that the person chose. Elsewhere the system asks.
fn permission(app: &AppHandle, page: Option<Url>, kind: PermissionKind) -> PermissionResponse {
    if !page.is_some_and(|page| address::is_same(&page, &server(app))) {
        return PermissionResponse::Deny;
    }
    match kind {
        PermissionKind::Notifications
        | PermissionKind::Microphone
        | PermissionKind::Camera
        | PermissionKind::DisplayCapture
        | PermissionKind::Geolocation
            if cfg!(target_os = "linux") =>
        {
            PermissionResponse::Allow
        }
        _ => PermissionResponse::Default,
    }
}

/// WebKitGTK forgets at the end who may show notifications, and the client asks only when they are switched on in it.
#[cfg(target_os = "linux")]
fn remember_notifications(chat: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{SecurityOrigin, WebContextExt, WebViewExt};
    let app = chat.app_handle().clone();
    chat.with_webview(move |webview| {
        let Some(context) = webview.inner().context() else { return };
        // Before each process that shows pages.
        context.connect_initialize_notification_permissions(move |context| {
            let origin = SecurityOrigin::for_uri(server(&app).as_str());
            context.initialize_notification_permissions(&[&origin], &[]);
        });
    })
}

#[cfg(not(target_os = "linux"))]
fn remember_notifications(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

fn show_title(chat: &WebviewWindow, title: &str) {
    let (Ok(page), server) = (chat.url(), server(chat.app_handle())) else { return };
    let unread = address::unread_in(title).filter(|_| address::is_same(&page, &server));
    // Not every desktop has badges; where there are none, the title says it.
    let _ = chat.set_title(&address::title_of(title, &page, &server));
    let _ = chat.set_badge_count(unread);
}

fn build_chat(app: &AppHandle, url: Url) -> tauri::Result<WebviewWindow> {
    let (pages, windows) = (app.clone(), app.clone());
    let another = MenuItemBuilder::with_id("another", "Another Server…").build(app)?;
    let reload = MenuItemBuilder::with_id("reload", "Reload").accelerator("CmdOrCtrl+R").build(app)?;
    let quit = MenuItemBuilder::with_id("quit", "Quit").accelerator("CmdOrCtrl+Q").build(app)?;
    let submenu = SubmenuBuilder::new(app, NAME).item(&reload).item(&another).separator().item(&quit).build()?;
    let edit = SubmenuBuilder::new(app, "Edit").cut().copy().paste().select_all().build()?;
    let empty = Url::parse("about:blank").unwrap();
    let chat = WebviewWindowBuilder::new(app, CHAT, WebviewUrl::External(empty))
        .title(NAME)
        .inner_size(1100.0, 760.0)
        .min_inner_size(320.0, 400.0)
        .menu(MenuBuilder::new(app).item(&submenu).item(&edit).build()?)
        .on_navigation(move |url| match address::fate_of_page(url, &server(&pages)) {
            Fate::Stay => true,
            Fate::System => {
                hand_on(url);
                false
            }
            Fate::Refuse => false,
        })
        .on_new_window(move |url, _| {
            match address::fate_of_window(&url, &server(&windows)) {
                Fate::Stay => {
                    let app = windows.clone();
                    tauri::async_runtime::spawn(async move {
                        app.get_webview_window(CHAT).map(|chat| chat.navigate(url));
                    });
                }
                Fate::System => hand_on(&url),
                Fate::Refuse => {}
            }
            NewWindowResponse::Deny
        })
        .on_download(|page, event| {
            if let DownloadEvent::Requested { destination, .. } = event {
                kept::place_download(page.app_handle(), destination);
            }
            true
        })
        .on_permission_request(|page, kind| permission(page.app_handle(), page.url().ok(), kind))
        .on_document_title_changed(|chat, title| show_title(&chat, &title))
        // A page without a title would keep the one before.
        .on_page_load(|chat, load| {
            if load.event() == PageLoadEvent::Started {
                show_title(&chat, "");
            }
        })
        .build()?;
    remember_notifications(&chat)?;
    chat.navigate(url)?;
    Ok(chat)
}

fn show_chat(app: &AppHandle, url: Url) -> tauri::Result<()> {
    *app.state::<Server>().0.lock().unwrap() = address::top(&url);
    match app.get_webview_window(CHAT) {
        Some(chat) => {
            chat.navigate(url)?;
            chat.set_focus()
        }
        None => build_chat(app, url).map(drop),
    }
}

fn obey(app: &AppHandle, item: &str) -> tauri::Result<()> {
    match (item, app.get_webview_window(CHAT)) {
        ("another", _) => show_ask(app)?,
        ("reload", Some(chat)) => chat.navigate(server(app))?,
        ("quit", _) => app.exit(0),
        _ => {}
    }
    Ok(())
}

fn main() {
    tauri::Builder::default()
        .manage(Server(Mutex::new(Url::parse("about:blank").unwrap())))
        .on_menu_event(|app, event| {
            if let Err(error) = obey(app, event.id().as_ref()) {
                eprintln!("trestle-desktop: {error}");
            }
        })
        .setup(|app| {
            let app = app.handle();
            // Two of them would write into one another's cookies and IndexedDB.
            let Some(lock) = kept::only_one(app)? else {
                eprintln!("trestle-desktop: it is running already");
                app.exit(0);
                return Ok(());
            };
            app.manage(lock);
            match kept::server(app) {
                Some(url) => show_chat(app, url)?,
                None => show_ask(app)?,
            }
            Ok(())
        })
        .run(tauri::generate_context!())
        .expect("the system has no webview, or no display");
}

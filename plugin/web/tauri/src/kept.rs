// SPDX-License-Identifier: GPL-3.0-or-later
//! What the program itself keeps: the server's address, in a file of one line. Cookies, IndexedDB and the like of pages
//! are the webview's.
use crate::address;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use tauri::{AppHandle, Manager, Url};

const SERVER: &str = "server";

pub fn read_server(folder: &Path) -> Option<Url> {
    address::read(&fs::read_to_string(folder.join(SERVER)).ok()?)
}

pub fn write_server(folder: &Path, server: &Url) -> io::Result<()> {
    let new = folder.join("server.new");
    fs::create_dir_all(folder)?;
    fs::write(&new, format!("{server}\n"))?;
    fs::rename(new, folder.join(SERVER))
}

/// The server of last time; what is no address any more is as if there were none.
pub fn server(app: &AppHandle) -> Option<Url> {
    read_server(&app.path().app_config_dir().ok()?)
}

pub fn keep_server(app: &AppHandle, server: &Url) -> tauri::Result<()> {
    Ok(write_server(&app.path().app_config_dir()?, server)?)
}

/// Nothing if another process of this person has it; it is held for as long as the file is open.
pub fn only_one(app: &AppHandle) -> tauri::Result<Option<File>> {
    let folder = app.path().app_local_data_dir()?;
    fs::create_dir_all(&folder)?;
    let file = File::create(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// `name`, `name (1)` … : the first that is free. Others may take it before it is used; the download then fails.
fn free_name(folder: &Path, name: &Path) -> PathBuf {
    let (stem, end) = (name.file_stem().unwrap_or_default(), name.extension());
    let numbered = |number: u32| {
        let mut file = stem.to_owned();
        file.push(format!(" ({number})"));
        if let Some(end) = end {
            file.push(".");
            file.push(end);
        }
        folder.join(file)
    };
    let plain = folder.join(name);
    if !plain.exists() {
        return plain;
    }
    (1..).map(numbered).find(|file| !file.exists()).unwrap_or(plain)
}

/// Desktops say where downloads go. Where none does, the webview would take the folder in which the program was started.
pub fn place_download(app: &AppHandle, destination: &mut PathBuf) {
    let Some(name) = destination.file_name().map(PathBuf::from) else { return };
    let (Err(_), Ok(home)) = (app.path().download_dir(), app.path().home_dir()) else { return };
    let folder = home.join("Downloads");
    if fs::create_dir_all(&folder).is_ok() {
        *destination = free_name(&folder, &name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_remembered() {
        let folder = std::env::temp_dir().join(format!("trestle-desktop-{}", std::process::id()));
        assert_eq!(read_server(&folder), None);
        for text in ["https://chat.example.org/", "http://127.0.0.1:8080/"] {
            write_server(&folder, &Url::parse(text).unwrap()).unwrap();
            assert_eq!(read_server(&folder).unwrap().as_str(), text);
        }
        fs::write(folder.join(SERVER), "file:///etc/passwd\n").unwrap();
        assert_eq!(read_server(&folder), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn downloads_do_not_take_others_names() {
        let folder = std::env::temp_dir().join(format!("trestle-downloads-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["a.tar.gz", "b"] {
            assert_eq!(free_name(&folder, Path::new(name)), folder.join(name));
            fs::write(folder.join(name), "").unwrap();
        }
        fs::write(folder.join("b (1)"), "").unwrap();
        assert_eq!(free_name(&folder, Path::new("a.tar.gz")), folder.join("a.tar (1).gz"));
        assert_eq!(free_name(&folder, Path::new("b")), folder.join("b (2)"));
        fs::remove_dir_all(folder).unwrap();
    }
}

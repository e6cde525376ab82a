//! The difference of two bundles as a patch.

use std::path::Path;

use similar::TextDiff;

use crate::scenario::Bundle;

impl Bundle {
    /// What changed since `before`, as a unified diff that `patch -p1` and `git apply` take where the
    /// texts are; nothing when nothing did. Paths are those under which the texts were found.
    pub fn patch_since(&self, before: &Bundle) -> String {
        let mut patch = String::new();
        for (path, new) in &self.texts {
            let old = before
                .texts
                .get(path)
                .map(Vec::as_slice)
                .unwrap_or_default();
            if old == new.as_slice() {
                continue;
            }
            let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
            let name = relative(path);
            let diff = TextDiff::from_lines(&*old, &*new);
            let diff = diff
                .unified_diff()
                .context_radius(3)
                .header(&format!("a/{name}"), &format!("b/{name}"))
                .to_string();
            patch.push_str(&diff);
        }
        patch
    }

    /// The paths of the texts that differ from those of `before`.
    pub fn changed_since(&self, before: &Bundle) -> Vec<&Path> {
        let differs = |path: &Path, text: &Vec<u8>| before.texts.get(path) != Some(text);
        let texts = self.texts.iter();
        texts
            .filter(|(path, text)| differs(path, text))
            .map(|(path, _)| path.as_path())
            .collect()
    }
}

/// The path as a patch names it: from the root of something, with slashes.
fn relative(path: &Path) -> String {
    use std::path::Component;
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::ParentDir => Some("..".to_owned()),
        _ => None,
    });
    parts.collect::<Vec<String>>().join("/")
}

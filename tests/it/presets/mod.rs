//! Presets.

mod files;

//! The window without a screen: every frame is laid out and found by the names that readers of screens hear; nothing is drawn.

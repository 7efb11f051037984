//! What keys mean. Pure.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::act::{Act, View};

/// What somebody wants who presses this, while typing a filter or not.
pub(super) fn act(key: KeyEvent, is_typing: bool) -> Option<Act> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if is_control => Some(Act::Quit),
        KeyCode::Esc => Some(Act::Leave),
        KeyCode::Up => Some(Act::Up),
        KeyCode::Down => Some(Act::Down),
        KeyCode::PageUp => Some(Act::PageUp),
        KeyCode::PageDown => Some(Act::PageDown),
        KeyCode::Home => Some(Act::First),
        KeyCode::End => Some(Act::Last),
        KeyCode::Tab => Some(Act::Next),
        KeyCode::BackTab => Some(Act::Previous),
        KeyCode::Enter if is_typing => Some(Act::Keep),
        KeyCode::Backspace if is_typing => Some(Act::Erase),
        KeyCode::Char(_) if is_control => None,
        KeyCode::Char(letter) if is_typing => Some(Act::Type(letter)),
        KeyCode::Char(letter) => letter_act(letter),
        _ => None,
    }
}

fn letter_act(letter: char) -> Option<Act> {
    Some(match letter {
        'q' => Act::Quit,
        '1' => Act::Show(View::Hosts),
        '2' => Act::Show(View::Actors),
        '3' => Act::Show(View::Links),
        'k' => Act::Up,
        'j' => Act::Down,
        's' => Act::Sort,
        '/' => Act::Filter,
        'p' | ' ' => Act::Pause,
        '?' | 'h' => Act::Help,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_text_while_a_filter_is_typed() {
        let check = |code, modifiers, is_typing, expect| {
            assert_eq!(act(KeyEvent::new(code, modifiers), is_typing), expect, "{code:?}");
        };
        let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        check(KeyCode::Char('q'), none, false, Some(Act::Quit));
        check(KeyCode::Char('q'), none, true, Some(Act::Type('q')));
        check(KeyCode::Char('c'), control, true, Some(Act::Quit));
        check(KeyCode::Char('c'), none, false, None);
        check(KeyCode::Char('s'), control, false, None);
        check(KeyCode::Esc, none, true, Some(Act::Leave));
        check(KeyCode::Enter, none, false, None);
        check(KeyCode::Char('3'), none, false, Some(Act::Show(View::Links)));
        check(KeyCode::BackTab, KeyModifiers::SHIFT, false, Some(Act::Previous));
        let released = KeyEvent::new_with_kind(KeyCode::Char('q'), none, KeyEventKind::Release);
        assert_eq!(act(released, false), None);
    }
}

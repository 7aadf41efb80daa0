"""The words of the speech on the Prosody page, and what can be done to those that are chosen. The widgets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.status import Updates
from undertone.app.prosody.word_edits import WORD_ACTIONS, possible_actions
from undertone.app.shared.widgets import scripted_html
from undertone.app.shared.words_line import WordLine, words_line, words_value
from undertone.engine.words import WordDecoder

OWNER = "prosody"
_BUTTONS = "".join(
    f'<button type="button" data-action="{name}">{one.label}</button>' for name, one in WORD_ACTIONS.items()
)
_TEMPLATE = f"""
<div class="tools word-tool" hidden>
  <p class="word-phones"></p>
  <div class="word-actions" role="group" aria-label="Change what is chosen">{_BUTTONS}</div>
  <p class="hint">With Shift, all words up to another. Times are those before anything is stretched.</p>
</div>
"""


@dataclass(frozen=True)
class WordTool:
    """The widgets: the line of words, and the buttons."""

    words: gr.HTML
    actions: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.words, self.actions]

    def show(self, editing: EditingSession, decoder: WordDecoder | None) -> Updates:
        """Show the words of a new recording; nothing where the model's tokens cannot be read."""
        if decoder is None:
            return {self.words: None, self.actions: None}
        words = decoder.words(editing.original.speech.tokens)
        return {
            self.words: words_value(OWNER, [WordLine("Words", words)], decoder.phone_names, chosen=True),
            self.actions: {"owner": OWNER, "session": editing.number, "actions": possible_actions(editing.cards)},
        }


def build_word_tool() -> WordTool:
    """Lay the words out, with what can be done to them; hidden until there are some."""
    words = words_line("prosody-words")
    actions = scripted_html(
        _TEMPLATE,
        Path(__file__).with_name("word_tool.js"),
        elem_id="prosody-word-tool",
    )
    return WordTool(words, actions)

"""What only those who make a study know and readers of its report ask: statements for the reviewers' checklist."""

from typing import Annotated

from pydantic import Field

from undertone.engine.config import Config

Text = Annotated[str, Field(max_length=2000)]


class Reporting(Config):
    """Statements for the report, in words; what is empty is said to be "not recorded"."""

    purpose: Text = ""  # which claim the test addresses, and for which use of the speech
    listeners: Text = ""  # whom the speech is for, and how well raters know its language
    baselines: Text = ""  # where the systems come from, with versions, so that somebody can make them again
    prompt_choice: Text = ""  # how the prompts were chosen, and whether training had them
    samples: Text = ""  # where the clips can be heard

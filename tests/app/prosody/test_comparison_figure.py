"""The figure of before and after."""

from undertone.app.prosody.comparison_figure import comparison_figure
from undertone.app.prosody.editing_session import EditingSession


def test_the_figure_draws_each_latent_in_a_panel_of_its_own(edited_take: EditingSession) -> None:
    from undertone.app.prosody.edit_state import EditState
    from undertone.app.prosody.editor_widgets import _side

    side = _side(edited_take.before, edited_take.measures(EditState()))
    figure, axes = comparison_figure(side, side, [(0, "z1", "z1"), (2, "z3", "z3")], [str(unit) for unit in range(24)])
    assert list(axes.values()) == ["pitch height", "loudness", "z1", "z3"]
    names = [trace.name for trace in figure.data]
    assert names.count("z1") == names.count("z3") == 1
    assert {trace.xaxis or "x" for trace in figure.data} == {"x"}
